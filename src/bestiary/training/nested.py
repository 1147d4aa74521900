"""Tensors in tuples, lists and mappings: joined, padded, moved, all in the same way."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError
from .processes import Processes

PADDING = -100


def _nested(change: Callable[..., Any], *nests: Any) -> Any:
    """`change` of the arrays at each place of equal nests of lists, tuples and mappings."""
    first = nests[0]
    if first is None:
        return None
    if isinstance(first, list | tuple):
        return type(first)(_nested(change, *each) for each in zip(*nests, strict=True))
    if isinstance(first, Mapping):
        return type(first)({name: _nested(change, *(nest[name] for nest in nests)) for name in first})  # type: ignore[call-arg]
    return change(*nests)


def nested_detach(tensors: Any) -> Any:
    """The tensors of a nest, without their gradients' history."""
    return _nested(lambda each: each.detach() if isinstance(each, Tensor) else each, tensors)


def nested_numpify(tensors: Any) -> Any:
    """The tensors of a nest as arrays; bfloat16, which numpy lacks, as float32."""

    def numpify(each: Any) -> Any:
        if not isinstance(each, Tensor):
            return each
        each = each.detach().cpu()
        return (each.float() if each.dtype == torch.bfloat16 else each).numpy()

    return _nested(numpify, tensors)


def nested_truncate(tensors: Any, limit: int) -> Any:
    """The first `limit` entries of every array of a nest; single numbers, such as a mixture's loss, stay."""
    return _nested(lambda each: each[:limit] if each.ndim else each, tensors)


def nested_concat(tensors: Any, new_tensors: Any, padding_index: float = PADDING) -> Any:
    """Two equal nests in one: arrays behind each other, the narrower second dimension filled with `padding_index`.

    Raises:
        InputError: the nests are of different kinds, or hold something else than arrays.
    """

    def join(one: Any, other: Any) -> Any:
        if isinstance(one, Tensor):
            return torch_pad_and_concatenate(one, other, padding_index)
        if isinstance(one, np.ndarray):
            return numpy_pad_and_concatenate(one, other, padding_index)
        raise InputError(f"nested_concat joins tensors and arrays; found a {type(one).__name__}")

    if type(tensors) is not type(new_tensors):
        raise InputError(f"nested_concat joins nests of one kind; found {type(tensors).__name__}, {type(new_tensors).__name__}")
    return _nested(join, tensors, new_tensors)


def atleast_1d(tensor_or_array: Any) -> Any:
    """A number as one of one entry; anything else as it is."""
    return tensor_or_array.reshape(1) if tensor_or_array.ndim == 0 else tensor_or_array


def torch_pad_and_concatenate(tensor1: Tensor, tensor2: Tensor, padding_index: float = PADDING) -> Tensor:
    """Two tensors behind each other; the one with the shorter second dimension is filled with `padding_index`."""
    one: Tensor = atleast_1d(tensor1)
    other: Tensor = atleast_1d(tensor2)
    if one.ndim == 1 or one.shape[1] == other.shape[1]:
        return torch.cat((one, other))
    joined = one.new_full((len(one) + len(other), max(one.shape[1], other.shape[1]), *one.shape[2:]), padding_index)
    joined[: len(one), : one.shape[1]], joined[len(one) :, : other.shape[1]] = one, other
    return joined


def numpy_pad_and_concatenate(array1: Any, array2: Any, padding_index: float = PADDING) -> Any:
    """The same for arrays."""
    one, other = (torch.from_numpy(np.ascontiguousarray(atleast_1d(each))) for each in (array1, array2))
    return torch_pad_and_concatenate(one, other, padding_index).numpy()


def joined_rows(parts: list[Any], padding_index: float = PADDING) -> Any:
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


def _widened(part: Any, width: int, padding_index: float) -> Any:
    shape = (part.shape[0], width, *part.shape[2:])
    wide = part.new_full(shape, padding_index) if isinstance(part, Tensor) else np.full(shape, padding_index, part.dtype)
    wide[:, : part.shape[1]] = part
    return wide


def gathered_rows(values: Any, processes: Processes, padding_index: float = PADDING) -> Any:
    """The rows of all processes, in their order; each has as many as it has."""
    if processes.count == 1 or values is None:
        return values
    cpu = _nested(lambda each: each.cpu() if isinstance(each, Tensor) else each, values)
    parts = [part for part in processes.gathered(cpu) if part is not None]
    return joined_rows(parts, padding_index)
