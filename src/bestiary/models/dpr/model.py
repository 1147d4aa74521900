"""The classes of DPR around the encoder of `modeling/encoder.py`. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import BaseModelOutputWithPooling, ModelOutput, Tensors
from ...modeling.encoder import Encoder, EncoderPreTrainedModel
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.masks import real_tokens
from ...nn.pooling import first_state
from . import DPRConfig


@dataclass
class DPRContextEncoderOutput(ModelOutput):
    """`pooler_output` (B, P): a vector for each passage."""

    pooler_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class DPRQuestionEncoderOutput(ModelOutput):
    """`pooler_output` (B, P): a vector for each question."""

    pooler_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class DPRReaderOutput(ModelOutput):
    """`start_logits`, `end_logits` (B, T) of the answer in each passage; `relevance_logits` (B,) of the passages."""

    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    relevance_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class DPRPreTrainedModel(EncoderPreTrainedModel):
    """What all DPR classes share."""

    config_class = DPRConfig
    head_weights = None
    _no_split_modules = ["EncoderEmbeddings", "EncoderLayer"]
    _keys_to_ignore_on_load_unexpected = [*EncoderPreTrainedModel._keys_to_ignore_on_load_unexpected, r"(^|\.)pooler\."]
    config: DPRConfig


class DPREncoder(DPRPreTrainedModel):
    """An encoder, and the first token's state, perhaps projected."""

    base_model_prefix = "bert_model"
    projection_dim = Alias("config.projection_dim")

    def __init__(self, config: DPRConfig) -> None:
        super().__init__(config)
        self.bert_model = Encoder(config, add_pooling_layer=False)
        self.encode_proj = nn.Linear(config.hidden_size, config.projection_dim) if config.projection_dim else None

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """The inputs are those of the encoder."""
        inputs = {"token_type_ids": token_type_ids, "inputs_embeds": inputs_embeds}
        output: Any = self.bert_model(input_ids, attention_mask=attention_mask, return_dict=True, **inputs)
        states = output.last_hidden_state
        padded = attention_mask is not None and attention_mask.dim() == 2
        pooled = first_state(states, real_tokens(attention_mask) if padded else None)
        pooled = pooled if self.encode_proj is None else self.encode_proj(pooled)
        return BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=pooled)


class DPRPretrainedContextEncoder(DPRPreTrainedModel):
    """What models around an encoder of passages share."""

    base_model_prefix = "ctx_encoder"
    stacks = {"": Stack("bert_model.encoder.layer")}

    def check_padding(self, ids: Tensor) -> None:
        """Without a mask the padding token is hidden."""


class DPRPretrainedQuestionEncoder(DPRPreTrainedModel):
    """What models around an encoder of questions share."""

    base_model_prefix = "question_encoder"
    stacks = {"": Stack("bert_model.encoder.layer")}

    def check_padding(self, ids: Tensor) -> None:
        """Without a mask the padding token is hidden."""


class DPRPretrainedReader(DPRPreTrainedModel):
    """What models around a reader share."""

    base_model_prefix = "span_predictor"
    stacks = {"": Stack("encoder.bert_model.encoder.layer")}


def _mask(config: DPRConfig, input_ids: Tensor | None, attention_mask: Tensor | None) -> Tensor | None:
    """The mask, else one that hides the padding token, as published."""
    pad = config.pad_token_id
    return attention_mask if attention_mask is not None or input_ids is None or pad is None else input_ids.ne(pad)


class DPRContextEncoder(DPRPretrainedContextEncoder):
    """A vector for a passage."""

    def __init__(self, config: DPRConfig) -> None:
        super().__init__(config)
        self.ctx_encoder = DPREncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.ctx_encoder.bert_model.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> DPRContextEncoderOutput:
        """input_ids, token_type_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        mask = _mask(self.config, input_ids, attention_mask)
        output = self.ctx_encoder(input_ids, mask, token_type_ids=token_type_ids, inputs_embeds=inputs_embeds, return_dict=True)
        return DPRContextEncoderOutput(pooler_output=output.pooler_output)


class DPRQuestionEncoder(DPRPretrainedQuestionEncoder):
    """A vector for a question."""

    def __init__(self, config: DPRConfig) -> None:
        super().__init__(config)
        self.question_encoder = DPREncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.question_encoder.bert_model.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> DPRQuestionEncoderOutput:
        """input_ids, token_type_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T), 0 for padding."""
        mask, encoder = _mask(self.config, input_ids, attention_mask), self.question_encoder
        output = encoder(input_ids, mask, token_type_ids=token_type_ids, inputs_embeds=inputs_embeds, return_dict=True)
        return DPRQuestionEncoderOutput(pooler_output=output.pooler_output)


class DPRSpanPredictor(DPRPreTrainedModel):
    """Where an answer begins and ends, and how well the passage fits."""

    base_model_prefix = "encoder"

    def __init__(self, config: DPRConfig) -> None:
        super().__init__(config)
        self.encoder = DPREncoder(config)
        width = config.projection_dim or config.hidden_size
        self.qa_outputs, self.qa_classifier = nn.Linear(width, 2), nn.Linear(width, 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> DPRReaderOutput:
        """The inputs are those of the encoder."""
        states = self.encoder(input_ids, attention_mask, inputs_embeds=inputs_embeds, return_dict=True).last_hidden_state
        starts, ends = self.qa_outputs(states).unbind(-1)
        padded = attention_mask is not None and attention_mask.dim() == 2
        first = first_state(states, real_tokens(attention_mask) if padded else None)
        return DPRReaderOutput(start_logits=starts, end_logits=ends, relevance_logits=self.qa_classifier(first).squeeze(-1))


class DPRReader(DPRPretrainedReader):
    """Marks the answer to a question in each of several passages."""

    def __init__(self, config: DPRConfig) -> None:
        super().__init__(config)
        if config.projection_dim:
            raise ConfigError(f"DPRReader reads states as they are, and projection_dim is {config.projection_dim}; expected 0")
        self.span_predictor = DPRSpanPredictor(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.span_predictor.encoder.bert_model.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> DPRReaderOutput:
        """input_ids (B, T), question, title and passage in each row, or inputs_embeds (B, T, D); attention_mask (B, T)."""
        output: DPRReaderOutput = self.span_predictor(input_ids, attention_mask, inputs_embeds=inputs_embeds, return_dict=True)
        return output
