"""`DataCollatorWithPadding`."""

from dataclasses import dataclass
from typing import Any

from .collator import padded_by_tokenizer


@dataclass
class DataCollatorWithPadding:
    """Pads examples to one length; `label` or `label_ids` becomes `labels`.

    Args:
        tokenizer: what pads: a tokenizer or a feature extractor.
        padding, max_length, pad_to_multiple_of, return_tensors: as of its `pad`.
    """

    tokenizer: Any
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """The padded batch."""
        batch = padded_by_tokenizer(self, features, self.return_tensors)
        for name in ("label", "label_ids"):
            if name in batch:
                batch["labels"] = batch.pop(name)
        return batch
