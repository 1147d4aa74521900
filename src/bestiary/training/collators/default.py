"""`default_data_collator`: examples of equal shapes, stacked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from ...core.errors import InputError
from .collator import Collator, array


def default_data_collator(features: list[Any], return_tensors: str = "pt") -> dict[str, Any]:
    """Stack the columns of the examples; `label` (one number each) or `label_ids` becomes `labels`. Texts are left out.

    Args:
        features: mappings, or objects with attributes.
        return_tensors: "pt" or "np".

    Raises:
        InputError: an example is neither, lacks a column of the first, or has another length there.
    """
    rows = [_row(each) for each in features]
    first, batch = rows[0], {}
    labels = next((name for name in ("label", "label_ids") if first.get(name) is not None), None)
    if labels is not None:
        batch["labels"] = _batched(rows, labels, partial(_labels, kind=return_tensors, stacked=labels == "label_ids"))
    for name, value in first.items():
        if name not in ("label", "label_ids") and value is not None and not isinstance(value, str):
            batch[name] = _batched(rows, name, partial(_stacked, kind=return_tensors))
    return batch


def _row(example: Any) -> Mapping[str, Any]:
    if isinstance(example, Mapping):
        return example
    if not hasattr(example, "__dict__"):
        raise InputError(
            f"a row of the data is a {type(example).__name__}; expected a mapping from the model's inputs to values. Make"
            " mappings of the rows, or pass a collator that makes a batch of them"
        )
    attributes: dict[str, Any] = vars(example)
    return attributes


def _batched(rows: Sequence[Mapping[str, Any]], name: str, make: Callable[[list[Any]], Any]) -> Any:
    """What `make` makes of a column."""
    lacking = next((number for number, row in enumerate(rows) if name not in row), None)
    if lacking is not None:
        raise InputError(f"row {lacking} has no {name}, and row 0 has one; give every row of a batch the same columns")
    values = [row[name] for row in rows]
    try:
        return make(values)
    except (ValueError, TypeError, RuntimeError) as error:
        sizes = [_size(value) for value in values]
        unlike = next((number for number, size in enumerate(sizes) if size != sizes[0]), None)
        if unlike is None:
            raise
        raise InputError(
            f"{name} of row {unlike} has size {sizes[unlike]}, and row 0 has {sizes[0]}; rows of unequal lengths need a"
            " collator that pads: DataCollatorWithPadding(tokenizer), or the one of the task"
        ) from error


def _size(value: Any) -> Any:
    return tuple(value.shape) if hasattr(value, "shape") else len(value) if isinstance(value, list | tuple) else 1


@dataclass
class DefaultDataCollator(Collator):
    """`default_data_collator` as an object that remembers the kind of tensors."""

    return_tensors: str = "pt"

    def collate(self, features: list[Any], kind: str) -> dict[str, Any]:
        """The stacked batch."""
        return default_data_collator(features, kind)


def _labels(values: list[Any], kind: str, stacked: bool) -> Any:
    """Whole numbers as int64, others as float32; `stacked`: tensors keep their dtype."""
    if stacked and isinstance(values[0], torch.Tensor | np.ndarray):
        return _stacked(values, kind)
    first = values[0][0] if stacked else values[0]
    first = first.item() if isinstance(first, torch.Tensor | np.ndarray) else first
    return array(values, kind, "int64" if isinstance(first, int | np.integer) else "float32")


def _stacked(values: list[Any], kind: str) -> Any:
    if isinstance(values[0], torch.Tensor) and kind == "pt":
        return torch.stack(values)
    if isinstance(values[0], np.ndarray):
        stacked = np.stack(values)
        return stacked if kind == "np" else torch.from_numpy(stacked)
    return array(values, kind)
