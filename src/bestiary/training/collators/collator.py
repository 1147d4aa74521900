"""The base of data collators, and how labels are taken out of examples and padded."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core.errors import ArgumentError
from ...preprocess.text.padding import plain
from .row_texts import check_all_have_labels

# What makes a batch from a list of examples.
DataCollator = Callable[[list[Any]], dict[str, Any]]


class DataCollatorMixin:
    """Calls `torch_call` or `numpy_call`, whichever `return_tensors` asks for."""

    return_tensors: str = "pt"

    def __call__(self, features: Any, return_tensors: str | None = None) -> Any:
        """The batch of the examples `features`.

        Args:
            return_tensors: "pt" or "np"; by default the collator's.
        """
        kind = self.return_tensors if return_tensors is None else return_tensors
        if kind == "pt":
            return self.torch_call(features)
        if kind == "np":
            return self.numpy_call(features)
        raise ArgumentError(f"return_tensors is {kind!r:.80}; expected 'pt' or 'np'")

    @abstractmethod
    def torch_call(self, features: Any) -> Any:
        """The batch in tensors of torch."""

    @abstractmethod
    def numpy_call(self, features: Any) -> Any:
        """The batch in arrays of NumPy."""


class Collator(DataCollatorMixin):
    """A collator that does the same for both kinds of tensors, in `collate`."""

    def torch_call(self, features: Any) -> Any:
        """The batch in tensors of torch."""
        return self.collate(features, "pt")

    def numpy_call(self, features: Any) -> Any:
        """The batch in arrays of NumPy."""
        return self.collate(features, "np")

    @abstractmethod
    def collate(self, features: Any, kind: str) -> Any:
        """The batch in tensors of a `kind`, "pt" or "np"."""


def without_labels(features: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], str, list[Any] | None]:
    """The examples without their labels, the column of these ("label" or "labels"), and the labels, if there are some.

    Raises:
        InputError: a later example has none.
    """
    name = "label" if "label" in features[0] else "labels"
    rest = [{key: value for key, value in each.items() if key != name} for each in features]
    if name not in features[0]:
        return rest, name, None
    labels = [plain(each.get(name)) for each in features]
    check_all_have_labels(dict(enumerate(labels)))
    return rest, name, labels


def padded_by_tokenizer(collator: Any, rows: list[Any], kind: str) -> Any:
    """The inputs of rows as tensors of a kind, padded by a collator's tokenizer as the collator's fields say."""
    return collator.tokenizer.pad(
        rows,
        padding=collator.padding,
        max_length=collator.max_length,
        pad_to_multiple_of=collator.pad_to_multiple_of,
        return_tensors=kind,
    )


def padded(rows: list[Any], length: int, value: int | None, side: str) -> list[list[Any]]:
    """Rows of numbers with `value` repeated up to `length`, on the right or left side."""
    fill = [[value] * (length - len(row)) for row in rows]
    pairs = zip(rows, fill, strict=True)
    return [[*row, *more] if side == "right" else [*more, *row] for row, more in pairs]


def array(values: Any, kind: str, dtype: str | None = None) -> Any:
    """Numbers as a tensor ("pt") or array ("np") of a dtype that both name alike."""
    import numpy as np
    import torch

    if kind == "np":
        return np.array(values, dtype=dtype)
    return torch.tensor(values, dtype=None if dtype is None else getattr(torch, dtype))
