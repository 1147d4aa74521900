"""The classes of Longformer; its attention is that of `modeling/local_attention.py`. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core import outputs
from ...core.errors import InputError
from ...core.outputs import Tensors
from ...modeling.encoder import (
    EncoderAttention,
    EncoderCore,
    EncoderEmbeddings,
    EncoderLayer,
    EncoderPreTrainedModel,
    text_positions,
)
from ...modeling.heads.headed import Headed, WithoutPooler
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import DenseLanguageHead
from ...modeling.local_attention import LocalSelfAttention, local_mask, windows_of
from ...modeling.pruning import HeadWeights
from ...nn.inputs import one_of, warn_of_hidden_rows
from ...nn.pooling import pool
from ...nn.values import is_true
from . import LongformerConfig


@dataclass
class LongformerBaseModelOutputWithPooling(outputs.BaseModelOutputWithPooling):
    """`attentions` L of (B, H, T, G + window + 1): to the G global tokens, then to neighbours; `global_attentions` L of
    (B, H, S, G): of global tokens to all S slots of the text, filled up to whole windows."""

    global_attentions: Tensors | None = None


@dataclass
class LongformerMaskedLMOutput(outputs.MaskedLMOutput):
    """`logits` (B, T, V)."""

    global_attentions: Tensors | None = None


@dataclass
class LongformerSequenceClassifierOutput(outputs.SequenceClassifierOutput):
    """`logits` (B, N)."""

    global_attentions: Tensors | None = None


@dataclass
class LongformerTokenClassifierOutput(outputs.TokenClassifierOutput):
    """`logits` (B, T, N)."""

    global_attentions: Tensors | None = None


@dataclass
class LongformerQuestionAnsweringModelOutput(outputs.QuestionAnsweringModelOutput):
    """`start_logits` and `end_logits` (B, T) of the answer span."""

    global_attentions: Tensors | None = None


@dataclass
class LongformerMultipleChoiceModelOutput(outputs.MultipleChoiceModelOutput):
    """`logits` (B, choices)."""

    global_attentions: Tensors | None = None


class LongformerSelfAttention(LocalSelfAttention):
    """Attention to neighbours and to global tokens."""

    def __init__(self, config: LongformerConfig, layer_idx: int, cross: bool = False) -> None:
        window = windows_of(config)[layer_idx]
        super().__init__(config.hidden_size, config.num_attention_heads, window, config.attention_probs_dropout_prob)


class LongformerAttention(EncoderAttention):
    """The first half of a block: attention, then norm(residual + dense(x))."""

    self_class = LongformerSelfAttention


class LongformerLayer(EncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    attention_class = LongformerAttention


class LongformerPreTrainedModel(EncoderPreTrainedModel):
    """What all Longformer classes share."""

    config_class = LongformerConfig
    base_model_prefix = "longformer"
    head_weights = HeadWeights(
        tuple(f"attention.self.{name}{kind}" for name in ("query", "key", "value") for kind in ("", "_global")),
        "attention.output.dense",
    )
    _no_split_modules = ["LongformerSelfAttention"]
    one_text_a_row = "the first token of a row is seen from everywhere"
    config: LongformerConfig


class LongformerEmbeddings(EncoderEmbeddings):
    """norm(word + segment + position)."""

    positions_last = True


class LongformerModel(LongformerPreTrainedModel, EncoderCore):
    """The encoder without a head. Its config then has the windows of all layers, as published."""

    embeddings_class, layer_class = LongformerEmbeddings, LongformerLayer

    def __init__(self, config: LongformerConfig, add_pooling_layer: bool = True) -> None:
        config.attention_window = windows_of(config)
        super().__init__(config, add_pooling_layer)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        global_attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> LongformerBaseModelOutputWithPooling:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding;
        global_attention_mask (B, T), 1 for tokens that see all and are seen by all."""
        one_of(input_ids, inputs_embeds)
        warn_of_hidden_rows(attention_mask)
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        mask = local_mask(words, attention_mask, global_attention_mask, windows_of(self.config))
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = self.encoder(self.embeddings(input_ids, token_type_ids, position_ids, words), mask, None)
        real = None if attention_mask is None else mask.real[:, : mask.length]
        pooled = None if self.pooler is None else pool(self.pooler, x, real)
        return LongformerBaseModelOutputWithPooling(last_hidden_state=x, pooler_output=pooled)


class LongformerHeaded(Headed, LongformerPreTrainedModel):
    """A head on Longformer."""

    backbone_class = LongformerModel

    def global_tokens(self, ids: Tensor | None, attention_mask: Tensor | None, embeds: Tensor | None) -> Tensor | None:
        """Which tokens (B, T) are global where the caller does not say it; here none."""
        return None

    def run_backbone(self, input_ids: Tensor | None = None, *args: Any, **inputs: Any) -> Any:
        if inputs.get("global_attention_mask") is None:
            texts = inputs.get("attention_mask"), inputs.get("inputs_embeds")
            inputs["global_attention_mask"] = self.global_tokens(input_ids, *texts)
        return super().run_backbone(input_ids, *args, **inputs)


class LongformerUnpooled(WithoutPooler, LongformerHeaded):
    """A head that needs no pooled state."""


class LongformerForMaskedLM(MaskedLM, DenseLanguageHead, LongformerUnpooled):
    """Longformer that fills in masked tokens."""

    output_class = LongformerMaskedLMOutput
    _tied_weights_keys = {
        "lm_head.decoder.weight": "longformer.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }


class LongformerForSequenceClassification(FirstTokenClassifier, LongformerUnpooled):
    """Longformer that classifies a text or a pair of texts; the first token is global."""

    output_class = LongformerSequenceClassifierOutput

    def global_tokens(self, ids: Tensor | None, attention_mask: Tensor | None, embeds: Tensor | None) -> Tensor | None:
        text = ids if embeds is None else embeds[..., 0]
        if text is None:
            return None
        real = torch.ones_like(text, dtype=torch.bool) if attention_mask is None else attention_mask != 0
        return real & (real.cumsum(-1) == 1)


class LongformerForTokenClassification(TokenClassifier, LongformerUnpooled):
    """Longformer that labels each token."""

    output_class = LongformerTokenClassifierOutput


class LongformerForQuestionAnswering(QuestionAnswering, LongformerUnpooled):
    """Longformer that marks the answer to a question in a text; the question's tokens are global."""

    output_class = LongformerQuestionAnsweringModelOutput

    def global_tokens(self, ids: Tensor | None, attention_mask: Tensor | None, embeds: Tensor | None) -> Tensor | None:
        if ids is None:
            return None
        return torch.arange(ids.shape[1], device=ids.device) < first_end(ids, self.config.sep_token_id)


class LongformerForMultipleChoice(MultipleChoice, LongformerHeaded):
    """Longformer that chooses among several continuations, whose tokens are global."""

    output_class = LongformerMultipleChoiceModelOutput

    def global_tokens(self, ids: Tensor | None, attention_mask: Tensor | None, embeds: Tensor | None) -> Tensor | None:
        if ids is None:
            return None
        return torch.arange(ids.shape[1], device=ids.device) > first_end(ids, self.config.sep_token_id) + 1


def first_end(ids: Tensor, separator: int | None) -> Tensor:
    """Where the first of two texts ends, (B, 1): the place of the first `separator` in `ids` (B, T).

    Raises:
        InputError: a row without one.
    """
    ends = torch.zeros_like(ids, dtype=torch.bool) if separator is None else ids.eq(separator)
    if is_true((~ends.any(dim=1)).any()):
        row = int(ends.any(dim=1).int().argmin())
        raise InputError(
            f"row {row} of input_ids has no token {separator} (config.sep_token_id), so that nobody knows where its first text"
            " ends; pass global_attention_mask"
        )
    return ends.int().argmax(dim=1, keepdim=True)
