"""What evaluation loops of scripts import from the trainer's modules: nests of arrays, a smoothed loss, lengths."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..core.outputs import ModelOutput
from ..training.collators.default import default_data_collator

torch_default_data_collator = default_data_collator
numpy_default_data_collator = partial(default_data_collator, return_tensors="np")


def has_length(dataset: Any) -> bool:
    """Whether `len(dataset)` gives a number."""
    try:
        return len(dataset) is not None
    except (TypeError, AttributeError, RuntimeError):  # the last: a loader of an iterable data set
        return False


def _nested(change: Callable[..., Any], *nests: Any) -> Any:
    """`change` of the arrays at each place of equal nests of lists, tuples and mappings."""
    first = nests[0]
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
    """The first `limit` entries of every array of a nest."""
    return _nested(lambda each: each[:limit], tensors)


def nested_concat(tensors: Any, new_tensors: Any, padding_index: float = -100) -> Any:
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


def torch_pad_and_concatenate(tensor1: Tensor, tensor2: Tensor, padding_index: float = -100) -> Tensor:
    """Two tensors behind each other; the one with the shorter second dimension is filled with `padding_index`."""
    one: Tensor = atleast_1d(tensor1)
    other: Tensor = atleast_1d(tensor2)
    if one.ndim == 1 or one.shape[1] == other.shape[1]:
        return torch.cat((one, other))
    joined = one.new_full((len(one) + len(other), max(one.shape[1], other.shape[1]), *one.shape[2:]), padding_index)
    joined[: len(one), : one.shape[1]], joined[len(one) :, : other.shape[1]] = one, other
    return joined


def numpy_pad_and_concatenate(array1: Any, array2: Any, padding_index: float = -100) -> Any:
    """The same for arrays."""
    one, other = (torch.from_numpy(np.ascontiguousarray(atleast_1d(each))) for each in (array1, array2))
    return torch_pad_and_concatenate(one, other, padding_index).numpy()


def expand_like(arrays: Any, new_seq_length: int, padding_index: float = -100) -> Any:
    """An array (N, S, ...) as (N, `new_seq_length`, ...), filled with `padding_index`."""
    wide = np.full((arrays.shape[0], new_seq_length, *arrays.shape[2:]), padding_index, dtype=arrays.dtype)
    wide[:, : arrays.shape[1]] = arrays
    return wide


def find_batch_size(tensors: Any) -> int | None:
    """The rows of the first array of a nest; None where there is none."""
    if isinstance(tensors, list | tuple | Mapping):
        below = tensors.values() if isinstance(tensors, Mapping) else tensors
        return next((size for each in below if (size := find_batch_size(each)) is not None), None)
    return len(tensors) if isinstance(tensors, Tensor | np.ndarray) and tensors.ndim else None


@dataclass
class LabelSmoother:
    """Cross-entropy against labels of which a share is spread evenly over all classes (Szegedy et al. 2016, section 7).

    epsilon: the share. ignore_index: the label of what does not count.
    """

    epsilon: float = 0.1
    ignore_index: int = -100

    def __call__(self, model_output: Any, labels: Tensor, shift_labels: bool = False) -> Tensor:
        """The mean over labels (B, T) or (B,) of the logits (..., V) in a model's output, or in its first place.

        shift_labels: the logits at a place are of the label at the next one.
        """
        logits = model_output["logits"] if isinstance(model_output, Mapping | ModelOutput) else model_output[0]
        if shift_labels:
            logits, labels = logits[..., :-1, :], labels[..., 1:]
        labels = labels.flatten()
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, -2), labels, ignore_index=self.ignore_index, label_smoothing=self.epsilon
        )


@contextmanager
def local_torch_dtype(dtype: torch.dtype, model_class_name: str | None = None) -> Iterator[None]:
    """New tensors are of this floating-point `dtype` meanwhile.

    Raises:
        ArgumentError: `dtype` is no floating-point one; it names the model class that was to be made.
    """
    if not dtype.is_floating_point:
        raise ArgumentError(f"{model_class_name or 'a model'} cannot be made in {dtype}; expected a floating-point dtype")
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
