"""Choosing among continuations."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import MultipleChoiceModelOutput
from ...nn.inputs import one_of, shown
from ...nn.losses import token_loss
from ...nn.masks import real_tokens
from ...nn.part_order import put_last
from ..config import PreTrainedConfig
from .headed import Headed, classifier_dropout, only
from .sequence_summary import SequenceSummary, summary_size


class MultipleChoice(Headed):
    """One logit per choice (B, choices) from the pooled state of each choice; inputs are (B, choices, T).

    Class attributes:
        head_name: the published name of the linear layer from a vector to its logit.
    """

    output_class = MultipleChoiceModelOutput
    head_name: ClassVar[str] = "classifier"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.add_module(self.head_name, nn.Linear(self.vector_size(config), 1))

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
        flat = {each: self._flat(each, value, texts) for each, value in tensors.items()}
        output = self.run_backbone(**flat)
        mask = flat.get("attention_mask")
        real = real_tokens(mask) if isinstance(mask, Tensor) and mask.dim() == 2 else None
        logits = self.get_submodule(self.head_name)(self.pooled(output, real)).view(-1, texts.shape[1])
        loss = None if labels is None else token_loss(logits, labels)
        answer: MultipleChoiceModelOutput = self.output_class(loss=loss, logits=logits, **only(self.output_class, output))
        return answer

    def vector_size(self, config: PreTrainedConfig) -> int:
        """The width of the vector of a text."""
        size: int = config.get("hidden_size")
        return size

    def pooled(self, output: Any, real: Tensor | None) -> Tensor:
        """The vector (B * choices, D) of each text; `real` (B * choices, T) is True where tokens are no padding."""
        state: Tensor = self.dropout(output.pooler_output)
        return state

    def _flat(self, name: str, value: Any, texts: Tensor) -> Any:
        """What goes with each text (B, choices, ...) as the backbone takes it, (B * choices, ...)."""
        if not isinstance(value, Tensor) or value.dim() < 3:
            return value
        if value.shape[:2] != texts.shape[:2]:
            raise InputError(f"{name} has shape {tuple(value.shape)} beside texts of {tuple(texts.shape)}; expected the same")
        return value.flatten(0, 1)


class SummaryMultipleChoice(MultipleChoice):
    """The same from a `SequenceSummary` of each choice, called `sequence_summary`."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        del self.dropout
        self.sequence_summary = SequenceSummary(config, config.num_labels)
        put_last(self, self.head_name)

    def vector_size(self, config: PreTrainedConfig) -> int:
        return summary_size(config, config.num_labels)

    def pooled(self, output: Any, real: Tensor | None) -> Tensor:
        state: Tensor = self.sequence_summary(output.last_hidden_state, real=real)
        return state
