"""The modules of GPT-2. Parameter names and layouts are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPast
from ...kernels.steps import HEADS, Known, Unfit
from ...modeling.base import PreTrainedModel
from ...modeling.decoder_layers import DecoderBlock, PlainMLP
from ...modeling.decoder_stack import PositionedDecoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.double_heads import DoubleHeads, DoubleHeadsOutput
from ...modeling.heads.headed import classifier_dropout
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.sequence_summary import SequenceSummary
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.one_token import BlockParts
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, cached, merge_heads, split_heads
from ...nn.conv import Conv1D
from ...nn.init import start_usually
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ...nn.one_token import LayerSteps
from ...nn.part_order import put_last
from . import GPT2Config


class BranchEnd(Conv1D):
    """The projection that ends a residual branch; it starts smaller, so that the sum over the depth does not grow."""


class GPT2Attention(HasHeads):
    """Causal self-attention, or, as cross-attention, attention to an encoder's states (`memory`)."""

    dropout_name = "attn_dropout"
    order = "hidden_states past_key_values attention_mask encoder_hidden_states encoder_attention_mask"
    split_size = Alias("embed_dim")

    def __init__(self, config: GPT2Config, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        size = config.n_embd
        self.layer_idx, self.head_dim = layer_idx, size // config.n_head
        self.reorder_and_upcast_attn, self.scale_attn_weights = config.reorder_and_upcast_attn, config.scale_attn_weights
        self.c_attn = Conv1D((2 if cross else 3) * size, size)
        self.is_cross_attention, self.is_causal = cross, not cross
        self.q_attn = Conv1D(size, size) if cross else None
        self.c_proj = BranchEnd(size, size)
        scaling = default_scaling(self.head_dim) if self.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            scaling /= layer_idx + 1
        self.attend = Attend(scaling, config.attn_pdrop, cross=cross)
        self.resid_dropout = nn.Dropout(config.resid_pdrop)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.c_proj.nx, self.c_proj.nf

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, H, S, K) twice."""
        key, value = self.c_attn(memory).chunk(2, dim=-1)
        return split_heads(key, self.head_dim), split_heads(value, self.head_dim)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        if self.q_attn is not None and memory is not None:
            query = split_heads(self.q_attn(x), self.head_dim)
            key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        else:
            fused = self.c_attn(x).view(*x.shape[:2], 3, -1, self.head_dim)
            query, key, value = fused.permute(2, 0, 3, 1, 4).unbind()
            if cache is not None:
                key, value = cache.update(key, value, self.layer_idx)
        if self.reorder_and_upcast_attn:
            query, key, value = query.float(), key.float(), value.float()
        output: Tensor = self.resid_dropout(self.c_proj(merge_heads(self.attend(query, key, value, mask)).to(x.dtype)))
        return output


class GPT2MLP(PlainMLP):
    """c_proj(act(c_fc(x)))."""

    def dense(self, config: GPT2Config, name: str, inputs: int, outputs: int) -> nn.Module:
        return (BranchEnd if name == "c_proj" else Conv1D)(outputs, inputs)


class GPT2Block(DecoderBlock):
    """x + attention(norm(x)), perhaps x + attention(norm(x), memory), then x + mlp(norm(x))."""

    order = "hidden_states past_key_values attention_mask encoder_hidden_states encoder_attention_mask use_cache"
    attention_class, mlp_class = GPT2Attention, GPT2MLP

    def __init__(self, config: GPT2Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.crossattention = GPT2Attention(config, layer_idx, cross=True) if config.add_cross_attention else None
        self.ln_cross_attn = self.make_norm(config) if config.add_cross_attention else None
        put_last(self, "mlp")

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: Any,
        *,
        memory: Tensor | None = None,
        memory_mask: Mask | None = None,
        **positions: Any,
    ) -> Tensor:
        if memory is None:
            fast = _PARTS.through(self, x, mask, cache, positions)
            if fast is not None:
                return fast
        x = x + self.attend(self.norm(0)(x), mask, cache, **positions)
        if self.crossattention is not None and self.ln_cross_attn is not None and memory is not None:
            x = x + self.dropped(self.crossattention(self.ln_cross_attn(x), memory_mask, cache, memory=memory))
        return x + self.transform(self.norm(1)(x))


def _list_heads(made: LayerSteps, attention: Any, source: int) -> None:
    if attention.is_cross_attention or attention.reorder_and_upcast_attn:
        raise Unfit("another kind of attention")
    size = made.watch.value(attention, "head_dim")
    heads = attention.c_proj.nx // size
    made.attention(attention, heads, heads, size)
    made.opening.dense(attention, "c_attn", source, HEADS)


_PARTS = BlockParts(
    Known(GPT2Block, "forward attend transform norm dropped"),
    Known(GPT2Attention, "forward"),
    "c_proj",
    _list_heads,
    ((), ("resid_dropout",)),
)


class GPT2PreTrainedModel(PreTrainedModel):
    """What all GPT-2 classes share."""

    config_class = GPT2Config
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    head_weights = HeadWeights(("attn.c_attn",), "attn.c_proj")
    kind_starts = {BranchEnd: lambda end, config: start_usually(end, config.initializer_range / math.sqrt(2 * config.n_layer))}
    _no_split_modules = ["GPT2Block"]
    _keys_to_ignore_on_load_unexpected = [r"(^|\.)(attn|crossattention)\.(masked_)?bias$"]  # causal masks, once saved


class GPT2Model(PositionedDecoder, GPT2PreTrainedModel):
    """The decoder without a head."""

    layer_class = GPT2Block
    embed_dim = Alias("config.n_embd")

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        token_type_ids (B, T) are tokens whose embeddings are added. encoder_hidden_states (B, S, D) and
        encoder_attention_mask (B, S): what a model with cross-attention looks at.
        """
        return self.decode(
            input_ids,
            attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            use_cache=use_cache,
        )


class GPT2LMHeadModel(CausalLM, GPT2PreTrainedModel):
    """GPT-2 with a language-modelling head."""

    backbone_class = GPT2Model
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPT2SequenceSummary(SequenceSummary):
    """One vector for a text: one of its states (or their mean), projected, as the `summary_*` fields say."""


@dataclass
class GPT2DoubleHeadsModelOutput(DoubleHeadsOutput):
    """`logits` (B, choices, T, V) and `mc_logits` (B, choices), with the losses of both."""


class GPT2DoubleHeadsModel(DoubleHeads, GPT2PreTrainedModel):
    """GPT-2 with a language-modelling head and a score for each of several texts (RocStories, SWAG)."""

    backbone_class = GPT2Model
    output_class, summary_class = GPT2DoubleHeadsModelOutput, GPT2SequenceSummary
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPT2ForSequenceClassification(LastTokenClassifier, GPT2PreTrainedModel):
    """GPT-2 that classifies a text by its last token."""

    backbone_class = GPT2Model


class GPT2ForTokenClassification(TokenClassifier, GPT2PreTrainedModel):
    """GPT-2 that labels each token."""

    backbone_class = GPT2Model

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config, default=0.1))


class GPT2ForQuestionAnswering(QuestionAnswering, GPT2PreTrainedModel):
    """GPT-2 that marks the answer to a question in the text."""

    backbone_class = GPT2Model
