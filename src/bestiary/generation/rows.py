"""Values with a row for each text: tensors, and outputs and tuples of such."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..core.outputs import ModelOutput


def map_rows(value: Any, change: Callable[[Tensor], Tensor], rows: int) -> Any:
    """`value` with `change` made to every tensor in it that has `rows` rows; what has no rows stays as it is."""
    if isinstance(value, Tensor):
        return change(value) if value.dim() and value.shape[0] == rows else value
    if isinstance(value, ModelOutput):
        return type(value)(**{name: map_rows(item, change, rows) for name, item in value.items()})
    if isinstance(value, tuple):
        return tuple(map_rows(item, change, rows) for item in value)
    return value


def repeat_rows(value: Any, times: int, rows: int) -> Any:
    """`value` with each of its `rows` rows `times` times, side by side; what has no rows stays as it is."""
    return map_rows(value, lambda tensor: tensor.repeat_interleave(times, dim=0), rows)
