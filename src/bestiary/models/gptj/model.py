"""The modules of GPT-J. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import DecoderBlock, PlainMLP, SelfAttention
from ...modeling.decoder_stack import TokenTypeDecoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.rope import Rotary
from . import GPTJConfig

# The published parameters of a block and of its attention, in their order.
GPTJ_ORDER = "hidden_states layer_past attention_mask position_ids use_cache output_attentions"


def rotary_of(config: Any) -> Rotary:
    """The angles that queries and keys turn by."""
    return Rotary({"rope_type": "default", "rope_theta": 10_000.0}, config.turning, config.n_positions, interleaved=True)


class GPTJAttention(SelfAttention):
    """Causal self-attention in fp32, whose queries and keys turn with their positions."""

    drops = True
    dropout_name, calls_dropout = "attn_dropout", True
    in_fp32 = interleaved = turns = True

    def biases(self, config: GPTJConfig) -> tuple[bool, bool]:
        return False, False

    order, gives = GPTJ_ORDER, "attentions"

    def placed(self, position_ids: Tensor, x: Tensor) -> dict[str, Any]:
        return {"rotary": rotary_of(self.config)(position_ids, x.dtype)}

    def heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)  # of no rows too


class GPTJMLP(PlainMLP):
    """fc_out(act(fc_in(x)))."""

    names = ("fc_in", "fc_out")


class GPTJBlock(DecoderBlock):
    """x + attention(norm(x)) + mlp(norm(x)), with one norm."""

    order, gives = GPTJ_ORDER, "attentions"
    attention_class, mlp_class = GPTJAttention, GPTJMLP
    norm_names = ("ln_1", "ln_1")
    parallel = True


class GPTJPreTrainedModel(PreTrainedModel):
    """What all GPT-J classes share."""

    config_class = GPTJConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    _no_split_modules = ["GPTJBlock"]
    _keys_to_ignore_on_load_unexpected = [r"attn\.((masked_)?bias|causal_mask|embed_positions|scale_attn)$"]  # once saved


class GPTJModel(TokenTypeDecoder, GPTJPreTrainedModel):
    """The decoder without a head."""

    layer_class = GPTJBlock
    embed_dim = Alias("config.n_embd")

    def add_entry(self, config: GPTJConfig) -> None:
        self.drop = nn.Dropout(config.embd_pdrop)
        self.rotary_emb = rotary_of(config)

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        output: Tensor = self.drop(x)
        return output

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, dict[str, Any]]:
        rotary = self.rotary_emb(position_ids, x.dtype)
        return {kind: {"rotary": rotary} for kind in self.layer_types.kinds}

    @property
    def reach(self) -> int | None:
        return self.rotary_emb.reach


class GPTJForCausalLM(CausalLM, GPTJPreTrainedModel):
    """GPT-J with a language-modelling head."""

    backbone_class = GPTJModel
    lm_head_bias = True
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPTJForSequenceClassification(LastTokenClassifier, GPTJPreTrainedModel):
    """GPT-J that classifies a text by its last token."""

    backbone_class = GPTJModel


class GPTJForQuestionAnswering(QuestionAnswering, GPTJPreTrainedModel):
    """GPT-J that marks the answer to a question in the text."""

    backbone_class = GPTJModel
