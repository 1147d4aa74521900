"""Choosing among continuations."""

from typing import Any

from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import MultipleChoiceModelOutput
from ...nn.losses import token_loss
from ..config import PreTrainedConfig
from .headed import Headed, classifier_dropout, only


class MultipleChoice(Headed):
    """One logit per choice (B, choices) from the pooled state of each choice; inputs are (B, choices, T)."""

    output_class = MultipleChoiceModelOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier = nn.Linear(config.get("hidden_size"), 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **inputs: Any,
    ) -> MultipleChoiceModelOutput:
        """labels: (B,), the index of the right choice."""
        texts = input_ids if input_ids is not None else inputs_embeds
        if texts is None:
            raise InputError("pass input_ids or inputs_embeds")
        choices = texts.shape[1]
        tensors = {"input_ids": input_ids, "attention_mask": attention_mask, "inputs_embeds": inputs_embeds, **inputs}
        flat = {name: x.flatten(0, 1) if isinstance(x, Tensor) else x for name, x in tensors.items() if x is not None}
        output = self.run_backbone(**flat)
        logits = self.classifier(self.dropout(output.pooler_output)).view(-1, choices)
        loss = None if labels is None else token_loss(logits, labels)
        answer: MultipleChoiceModelOutput = self.output_class(loss=loss, logits=logits, **only(self.output_class, output))
        return answer
