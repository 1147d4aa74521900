"""The modules of GPT-NeoX. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...kernels import steps
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.decoder import Decoder
from ...modeling.decoder_layers import DecoderBlock, FusedSelfAttention, PlainMLP
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.one_token import BlockParts
from ...modeling.recording import Stack
from ...nn.attention import LayerCache
from ...nn.masks import Mask
from ...nn.one_token import LayerSteps
from . import GPTNeoXConfig


class GPTNeoXAttention(FusedSelfAttention):
    """Causal self-attention with rotary positions."""

    turns = True

    def biases(self, config: GPTNeoXConfig) -> tuple[bool, bool]:
        return config.attention_bias, config.attention_bias


class GPTNeoXMLP(PlainMLP):
    """dense_4h_to_h(act(dense_h_to_4h(x)))."""

    drops = False
    names = ("dense_h_to_4h", "dense_4h_to_h")


class GPTNeoXLayer(DecoderBlock):
    """x + attention(norm(x)) + mlp(norm(x)), each with a norm of its own; by config one after the other."""

    attention_class, mlp_class = GPTNeoXAttention, GPTNeoXMLP
    attention_name = "attention"
    norm_names = ("input_layernorm", "post_attention_layernorm")
    last_parts = ("attention", "mlp")

    def __init__(self, config: GPTNeoXConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.parallel = config.use_parallel_residual
        self.post_attention_dropout = nn.Dropout(config.hidden_dropout)
        self.post_mlp_dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        fast = _PARTS.through(self, x, mask, cache, positions)
        return super().forward(x, mask, cache, **positions) if fast is None else fast

    def attend(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        output: Tensor = self.post_attention_dropout(super().attend(x, mask, cache, **positions))
        return output

    def transform(self, x: Tensor) -> Tensor:
        output: Tensor = self.post_mlp_dropout(super().transform(x))
        return output


def _list_heads(made: LayerSteps, attention: Any, source: int) -> None:
    size = made.watch.value(attention, "head_dim")
    groups = attention.query_key_value.out_features // (attention.per_group * size)
    made.attention(attention, groups * (attention.per_group - 2), groups, size)
    fused = made.opening.dense(attention, "query_key_value", source)
    made.opening.add(steps.SPREAD, fused, steps.HEADS, rows=attention.per_group, outputs=groups, inputs=size)
    made.turn(made.watch.value(attention, "interleaved") or False)


_DROPOUTS = ("post_attention_dropout", "post_mlp_dropout")
_PARTS = BlockParts(
    steps.Known(GPTNeoXLayer, "forward attend transform norm dropped"),
    steps.Known(GPTNeoXAttention, "forward project grouped"),
    "dense",
    _list_heads,
    (_DROPOUTS, ()),
)


class GPTNeoXPreTrainedModel(PreTrainedModel):
    """What all GPT-NeoX classes share."""

    config_class = GPTNeoXConfig
    base_model_prefix = "gpt_neox"
    stacks = {"": Stack("layers", final="final_layer_norm")}
    _no_split_modules = ["GPTNeoXLayer"]
    _weight_rules = (rename("embed_out.weight", "lm_head.weight"),)
    _keys_to_ignore_on_load_unexpected = [r"attention\.(masked_)?bias$", r"rotary_emb\.inv_freq$"]  # once saved


class GPTNeoXModel(Decoder, GPTNeoXPreTrainedModel):
    """The decoder without a head."""

    layer_class = GPTNeoXLayer
    counted_by_config = False
    norm_class = nn.LayerNorm
    embedding_name, embedding_dropout_name = "embed_in", "emb_dropout"
    zero_padding = False


class GPTNeoXForCausalLM(CausalLM, GPTNeoXPreTrainedModel):
    """GPT-NeoX with a language-modelling head."""

    backbone_class = GPTNeoXModel
    _tied_weights_keys = {"lm_head.weight": "gpt_neox.embed_in.weight"}


class GPTNeoXForSequenceClassification(LastTokenClassifier, GPTNeoXPreTrainedModel):
    """GPT-NeoX that classifies a text by its last token."""

    backbone_class = GPTNeoXModel


class GPTNeoXForTokenClassification(TokenClassifier, GPTNeoXPreTrainedModel):
    """GPT-NeoX that labels each token."""

    backbone_class = GPTNeoXModel


class GPTNeoXForQuestionAnswering(QuestionAnswering, GPTNeoXPreTrainedModel):
    """GPT-NeoX that marks the answer to a question in the text."""

    backbone_class = GPTNeoXModel
