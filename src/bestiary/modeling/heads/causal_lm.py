"""Predicting the next token."""

from typing import Any, ClassVar

from torch import Tensor

from ...core.outputs import CausalLMOutput
from .generating import GenerationMixin
from .headed import recorded
from .language import LanguageHead, select_positions


class CausalLM(GenerationMixin, LanguageHead):
    """Logits over the next token."""

    output_class: ClassVar[Any] = CausalLMOutput
    loss_type = "ForCausalLM"

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        **inputs: Any,
    ) -> CausalLMOutput:
        """Args:
        labels: (B, T), shifted by the model; -100 is ignored.
        logits_to_keep: number of last positions (0: all), or their indices.
        num_items_in_batch: labels in all micro-batches of a step, to divide the summed loss by.
        """
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        logits = self.vocabulary_logits(select_positions(output.last_hidden_state, logits_to_keep))
        loss = None if labels is None else self.loss(logits, labels, num_items_in_batch)
        answer: CausalLMOutput = self.output_class(loss=loss, logits=logits, **recorded(output))
        return answer

    def loss(self, logits: Tensor, labels: Tensor, num_items: Tensor | int | None) -> Tensor:
        """The loss of logits (B, T, V), each against the label after it."""
        options = {} if num_items is None else {"num_items_in_batch": num_items}
        loss: Tensor = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **options)
        return loss
