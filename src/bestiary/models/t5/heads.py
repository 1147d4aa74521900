"""T5 as a classifier: of texts, of tokens, of answers."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import Seq2SeqQuestionAnsweringModelOutput, Seq2SeqSequenceClassifierOutput
from ...modeling.heads.headed import classified, recorded
from ...modeling.heads.token_classification import TokenClassifier
from ...nn.losses import span_loss
from ...nn.values import is_true
from . import T5Config
from .model import T5EncoderModel, T5Model, T5PreTrainedModel


class T5ForTokenClassification(TokenClassifier, T5PreTrainedModel):
    """T5's encoder with a label for each token."""

    backbone_class = T5EncoderModel
    stacks = T5EncoderModel.stacks
    _tied_weights_keys = {"transformer.encoder.embed_tokens.weight": "transformer.shared.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^(transformer\.)?decoder\.", r"^lm_head\."]


class T5ClassificationHead(nn.Module):
    """out_proj(tanh(dense(x))), with dropout before both."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.out_proj = nn.Linear(config.d_model, config.num_labels)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_proj(self.dropout(torch.tanh(self.dense(self.dropout(x)))))


class T5ForSequenceClassification(T5PreTrainedModel):
    """T5 that classifies a text by the decoder's state at its last end-of-sequence token."""

    _tied_weights_keys = {f"transformer.{k}": f"transformer.{v}" for k, v in T5Model._tied_weights_keys.items()}
    _keys_to_ignore_on_load_unexpected = T5Model._keys_to_ignore_on_load_unexpected

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.transformer = T5Model(config)
        self.classification_head = T5ClassificationHead(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.transformer.get_input_embeddings()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        **inputs: Any,
    ) -> Seq2SeqSequenceClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        last = self._last_end(input_ids, attention_mask)
        if decoder_input_ids is None and inputs.get("decoder_inputs_embeds") is None:
            decoder_input_ids, decoder_attention_mask = self.same_text(input_ids, attention_mask, decoder_attention_mask)
        inputs = {"decoder_attention_mask": decoder_attention_mask, "return_dict": True, **inputs}
        output = self.transformer(input_ids, attention_mask, decoder_input_ids, **inputs)
        states = output.last_hidden_state
        logits = self.classification_head(states[torch.arange(len(states), device=states.device), last])
        loss = classified(self, logits, labels)
        return Seq2SeqSequenceClassifierOutput(loss=loss, logits=logits, **recorded(output))

    def _last_end(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Index (B,) of the last end-of-sequence token of each row."""
        ends = torch.isin(input_ids, torch.tensor(self.config.eos_token_id, device=input_ids.device))
        if attention_mask is not None:
            ends = ends & (attention_mask != 0)
        if is_true((~ends.any(1)).any()):
            row = int((~ends.any(1)).nonzero()[0])
            raise InputError(
                f"row {row} of input_ids has no end-of-sequence token ({self.config.eos_token_id}); its state is what is"
                " classified, and T5's tokenizer adds it"
            )
        return (ends * torch.arange(1, input_ids.shape[1] + 1, device=input_ids.device)).argmax(1)


class T5ForQuestionAnswering(T5Model):
    """T5 that marks the answer to a question by the decoder's states over the same text."""

    _new_with_head = [r"^qa_outputs\."]

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.qa_outputs = nn.Linear(config.d_model, 2)

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        **inputs: Any,
    ) -> Seq2SeqQuestionAnsweringModelOutput:
        """start_positions, end_positions: (B,); places outside of the input are ignored in the loss."""
        if decoder_input_ids is None and inputs.get("decoder_inputs_embeds") is None:
            if input_ids is None:
                raise InputError("pass input_ids, or decoder_input_ids or decoder_inputs_embeds with inputs_embeds")
            decoder_input_ids, decoder_attention_mask = self.same_text(input_ids, attention_mask, decoder_attention_mask)
        output = super().forward(input_ids, attention_mask, decoder_input_ids, decoder_attention_mask, **inputs)
        starts, ends = self.qa_outputs(output.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = span_loss(starts, ends, start_positions, end_positions)
        return Seq2SeqQuestionAnsweringModelOutput(loss=loss, start_logits=starts, end_logits=ends, **recorded(output))
