"""Predicting the next token."""

from typing import Any, ClassVar

from torch import Tensor

from ...core.logging import warn_once
from ...core.outputs import CausalLMOutput
from ...nn.packed import packed_texts
from .generating import GenerationMixin
from .headed import recorded
from .language import LanguageHead, select_positions


class CausalLM(GenerationMixin, LanguageHead):
    """Logits over the next token.

    Class attribute `labels_are_shifted`: whether a label is compared with what is said one place before it.
    """

    labels_are_shifted: ClassVar[bool] = True
    output_class: ClassVar[Any] = CausalLMOutput
    loss_type = "ForCausalLM"
    answers_each_token = True

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        shift_labels: Tensor | None = None,
        **inputs: Any,
    ) -> CausalLMOutput:
        """Args:
        labels: (B, T), shifted by the model; -100 is ignored.
        logits_to_keep: number of last positions (0: all), or their indices.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        shift_labels: (B, T), the targets of the logits at their own places, which then count instead of the labels: for a
            piece of a sequence, whose last target is the first token of the next piece.
        """
        if labels is None and shift_labels is not None:
            warn_once("shift-labels-alone", "shift_labels without labels gives no loss, as published; pass labels too")
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        logits = self.vocabulary_logits(select_positions(output.last_hidden_state, logits_to_keep))
        loss = None if labels is None else self.loss(logits, labels, num_items_in_batch, shift_labels)
        answer: CausalLMOutput = self.output_class(loss=loss, logits=logits, **recorded(output))
        return answer

    def loss(
        self, logits: Tensor, labels: Tensor, num_items: Tensor | int | None, shift_labels: Tensor | None = None
    ) -> Tensor:
        """The loss of logits (B, T, V), each against the label after it, or the one of `shift_labels` at its place."""
        said = {"num_items_in_batch": num_items, "shift_labels": shift_labels}
        options = {name: value for name, value in said.items() if value is not None} | self.further_for_loss()
        packed = packed_texts(logits.shape[1]) if self.labels_are_shifted else None
        if packed is not None:
            labels = labels.masked_fill(packed.places == 0, -100)  # no text predicts the one behind it
        loss: Tensor = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **options)
        return loss

    def further_for_loss(self) -> dict[str, Any]:
        """What a loss of a user's own is told besides; nothing unless a family says so."""
        return {}
