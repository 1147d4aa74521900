"""`DataCollatorForSeq2Seq`."""

from dataclasses import dataclass
from typing import Any

from ...preprocess.text.padding import Padding, padding_strategy
from .collator import Collator, array, padded, padded_by_tokenizer, without_labels


@dataclass
class DataCollatorForSeq2Seq(Collator):
    """Pads examples, and their labels by themselves, which are as long as the answers are.

    Args:
        tokenizer, padding, max_length, pad_to_multiple_of: as of `DataCollatorWithPadding`, for labels too.
        model: adds the `decoder_input_ids` that it makes from the labels, where it can.
        label_pad_token_id: what labels are padded with; losses pass over -100.
        return_tensors: "pt" or "np".
    """

    tokenizer: Any
    model: Any = None
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    label_pad_token_id: int = -100
    return_tensors: str = "pt"

    def collate(self, features: list[dict[str, Any]], kind: str) -> Any:
        """The padded batch; `labels` is None where the examples have none."""
        rest, _, labels = without_labels(features)
        batch = padded_by_tokenizer(self, rest, kind)
        if labels is None or all(each is None for each in labels):
            batch["labels"] = None
            return batch
        strategy, side = padding_strategy(self.padding), self.tokenizer.padding_side
        if strategy != "do_not_pad":
            length = Padding(strategy, self.max_length, self.pad_to_multiple_of).target([len(row) for row in labels])
            labels = padded(labels, length, self.label_pad_token_id, side)
        batch["labels"] = array(labels, kind, "int64")
        shift = getattr(self.model, "prepare_decoder_input_ids_from_labels", None)  # any model
        if shift is not None:
            batch["decoder_input_ids"] = shift(labels=batch["labels"])
        return batch
