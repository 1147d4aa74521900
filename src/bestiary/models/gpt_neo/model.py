"""The modules of GPT-Neo. Parameter names are the published ones."""

from torch import Tensor

from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import DecoderBlock, SelfAttention
from ...modeling.decoder_stack import PositionedDecoder, TokenTypeDecoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.attention import LayerCache
from ...nn.block import Block
from ...nn.masks import Mask
from . import GPTNeoConfig


class GPTNeoSelfAttention(SelfAttention):
    """Causal self-attention in fp32, without scaling."""

    order = "hidden_states attention_mask layer_past use_cache output_attentions"
    drops = True
    dropout_name, calls_dropout = "attn_dropout", True
    in_fp32 = True

    def biases(self, config: GPTNeoConfig) -> tuple[bool, bool]:
        return False, True

    def heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)  # of no rows too

    def score_scaling(self, config: GPTNeoConfig) -> float:
        return 1.0


class GPTNeoAttention(Block):
    """Keeps the attention where the published files have it."""

    order, gives, is_causal = "hidden_states layer_past attention_mask use_cache output_attentions", "attentions", True

    def __init__(self, config: GPTNeoConfig, layer_idx: int) -> None:
        super().__init__()
        self.attention = GPTNeoSelfAttention(config, layer_idx)

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None) -> Tensor:
        output: Tensor = self.attention(x, mask, cache)
        return output


class GPTNeoBlock(DecoderBlock):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    order, gives = GPTNeoAttention.order, "attentions"
    attention_class = GPTNeoAttention


class GPTNeoPreTrainedModel(PreTrainedModel):
    """What all GPT-Neo classes share."""

    config_class = GPTNeoConfig
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    _no_split_modules = ["GPTNeoBlock"]
    _keys_to_ignore_on_load_unexpected = [r"attention\.(masked_)?bias$"]  # causal masks, once saved
    config: GPTNeoConfig


class GPTNeoModel(TokenTypeDecoder, PositionedDecoder, GPTNeoPreTrainedModel):
    """The decoder without a head."""

    layer_class = GPTNeoBlock
    embed_dim = Alias("config.hidden_size")


class GPTNeoForCausalLM(CausalLM, GPTNeoPreTrainedModel):
    """GPT-Neo with a language-modelling head."""

    backbone_class = GPTNeoModel
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPTNeoForSequenceClassification(LastTokenClassifier, GPTNeoPreTrainedModel):
    """GPT-Neo that classifies a text by its last token."""

    backbone_class = GPTNeoModel


class GPTNeoForTokenClassification(TokenClassifier, GPTNeoPreTrainedModel):
    """GPT-Neo that labels each token."""

    backbone_class = GPTNeoModel


class GPTNeoForQuestionAnswering(QuestionAnswering, GPTNeoPreTrainedModel):
    """GPT-Neo that marks the answer to a question in the text."""

    backbone_class = GPTNeoModel
