"""`DataCollatorForMultipleChoice`."""

from dataclasses import dataclass
from typing import Any

from .collator import Collator, array, padded_by_tokenizer, without_labels


@dataclass
class DataCollatorForMultipleChoice(Collator):
    """Pads examples whose columns hold a row for each choice: columns become (B, choices, T), labels (B,).

    Args:
        tokenizer, padding, max_length, pad_to_multiple_of, return_tensors: as of `DataCollatorWithPadding`.
    """

    tokenizer: Any
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"

    def collate(self, features: list[dict[str, Any]], kind: str) -> Any:
        """The padded batch."""
        rest, _, labels = without_labels(features)
        choices = len(next(iter(rest[0].values())))
        rows = [{name: value[choice] for name, value in each.items()} for each in rest for choice in range(choices)]
        padded = padded_by_tokenizer(self, rows, kind)
        batch = {name: value.reshape(len(features), choices, -1) for name, value in padded.items()}
        return batch if labels is None else {**batch, "labels": array(labels, kind, "int64")}
