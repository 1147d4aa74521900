"""Tensors in tuples, lists and mappings: joined, padded, moved, all in the same way."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .processes import Processes

PADDING = -100


def mapped(function: Callable[[Any], Any], values: Any) -> Any:
    """The same nested form with `function` of each leaf; None stays."""
    if values is None:
        return None
    if isinstance(values, list | tuple):
        return type(values)(mapped(function, each) for each in values)
    if isinstance(values, Mapping):
        return type(values)({name: mapped(function, each) for name, each in values.items()})  # type: ignore[call-arg]
    return function(values)


def nested_detach(tensors: Any) -> Any:
    """Without their gradients' graph."""
    return mapped(lambda each: each.detach() if isinstance(each, Tensor) else each, tensors)


def nested_numpify(tensors: Any) -> Any:
    """As arrays; bfloat16, which NumPy lacks, as float32."""
    return mapped(_array, tensors)


def _array(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()


def nested_truncate(tensors: Any, limit: int) -> Any:
    """The first `limit` rows."""
    return mapped(lambda each: each[:limit], tensors)


def nested_concat(tensors: Any, new_tensors: Any, padding_index: int = PADDING) -> Any:
    """Rows of both, the second dimension padded to the longer one with `padding_index` on the right."""
    if isinstance(tensors, list | tuple):
        pairs = zip(tensors, new_tensors, strict=True)
        return type(tensors)(nested_concat(first, second, padding_index) for first, second in pairs)
    if isinstance(tensors, Mapping):
        joined = {name: nested_concat(each, new_tensors[name], padding_index) for name, each in tensors.items()}
        return type(tensors)(joined)  # type: ignore[call-arg]
    return joined_rows([tensors, new_tensors], padding_index)


def joined_rows(parts: list[Any], padding_index: int = PADDING) -> Any:
    """Nested parts with rows of each, in one; where they are of several widths, padded to the widest on the right."""
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, list | tuple):
        return type(first)(joined_rows(list(each), padding_index) for each in zip(*parts, strict=True))
    if isinstance(first, Mapping):
        return type(first)({name: joined_rows([each[name] for each in parts], padding_index) for name in first})  # type: ignore[call-arg]
    if not isinstance(first, Tensor | np.ndarray):
        return [row for part in parts for row in (part if isinstance(part, list) else [part])]
    if first.ndim == 0:
        return torch.stack(parts) if isinstance(first, Tensor) else np.stack(parts)
    widths = {part.shape[1] for part in parts if part.ndim > 1}
    if len(widths) > 1:
        parts = [_widened(part, max(widths), padding_index) for part in parts]
    return torch.cat(parts) if isinstance(first, Tensor) else np.concatenate(parts)


def _widened(part: Any, width: int, padding_index: int) -> Any:
    shape = (part.shape[0], width, *part.shape[2:])
    wide = part.new_full(shape, padding_index) if isinstance(part, Tensor) else np.full(shape, padding_index, part.dtype)
    wide[:, : part.shape[1]] = part
    return wide


def gathered_rows(values: Any, processes: Processes, padding_index: int = PADDING) -> Any:
    """The rows of all processes, in their order; each has as many as it has."""
    if processes.count == 1 or values is None:
        return values
    cpu = mapped(lambda each: each.cpu() if isinstance(each, Tensor) else each, values)
    parts = [part for part in processes.gathered(cpu) if part is not None]
    return joined_rows(parts, padding_index)
