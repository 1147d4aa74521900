"""Choosing among continuations."""

from typing import Any

from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import MultipleChoiceModelOutput
from ...nn.inputs import one_of, shown
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
        one_of(input_ids, inputs_embeds)
        tensors = {"input_ids": input_ids, "inputs_embeds": inputs_embeds, "attention_mask": attention_mask, **inputs}
        tensors = {name: value for name, value in tensors.items() if value is not None}
        name, texts = next(iter(tensors.items()))
        dims = ("batch", "choices", "tokens") if name == "input_ids" else ("batch", "choices", "tokens", "width")
        if not isinstance(texts, Tensor) or texts.dim() != len(dims):
            raise InputError(f"{name} is {shown(texts)}; expected ({', '.join(dims)}), several texts in each row")
        output = self.run_backbone(**{each: self._flat(each, value, texts) for each, value in tensors.items()})
        choices = texts.shape[1]
        logits = self.classifier(self.dropout(output.pooler_output)).view(-1, choices)
        loss = None if labels is None else token_loss(logits, labels)
        answer: MultipleChoiceModelOutput = self.output_class(loss=loss, logits=logits, **only(self.output_class, output))
        return answer

    def _flat(self, name: str, value: Any, texts: Tensor) -> Any:
        """What goes with each text (B, choices, ...) as the backbone takes it, (B * choices, ...)."""
        if not isinstance(value, Tensor) or value.dim() < 3:
            return value
        if value.shape[:2] != texts.shape[:2]:
            raise InputError(f"{name} has shape {tuple(value.shape)} beside texts of {tuple(texts.shape)}; expected the same")
        return value.flatten(0, 1)
