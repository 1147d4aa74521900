"""`DataCollatorForTokenClassification`."""

from dataclasses import dataclass
from typing import Any

from .collator import Collator, array, padded, padded_by_tokenizer, without_labels


@dataclass
class DataCollatorForTokenClassification(Collator):
    """Pads examples and the labels of their tokens, `label` or `labels`.

    Args:
        tokenizer, padding, max_length, pad_to_multiple_of: as of `DataCollatorWithPadding`.
        label_pad_token_id: what labels are padded with; losses pass over -100.
        return_tensors: "pt" or "np".
    """

    tokenizer: Any
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    label_pad_token_id: int = -100
    return_tensors: str = "pt"

    def collate(self, features: list[dict[str, Any]], kind: str) -> Any:
        """The padded batch."""
        rest, name, labels = without_labels(features)
        batch = padded_by_tokenizer(self, rest, kind)
        if labels is not None:
            length = batch[self.tokenizer.model_input_names[0]].shape[1]
            batch[name] = array(padded(labels, length, self.label_pad_token_id, self.tokenizer.padding_side), kind, "int64")
        return batch
