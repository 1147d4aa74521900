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
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None:
            raise InputError("pass input_ids or inputs_embeds")
        choices = given.shape[1]
        flat: dict[str, Any] = {name: x.flatten(0, 1) if isinstance(x, Tensor) else x for name, x in inputs.items()}
        output = self.run_backbone(
            None if input_ids is None else input_ids.flatten(0, 1),
            None if attention_mask is None else attention_mask.flatten(0, 1),
            inputs_embeds=None if inputs_embeds is None else inputs_embeds.flatten(0, 1),
            **flat,
        )
        logits = self.classifier(self.dropout(output.pooler_output)).view(-1, choices)
        loss = None if labels is None else token_loss(logits, labels)
        return MultipleChoiceModelOutput(loss=loss, logits=logits, **only(MultipleChoiceModelOutput, output))
