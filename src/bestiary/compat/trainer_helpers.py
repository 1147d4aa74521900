"""What evaluation loops of scripts import from the trainer's modules, beside what the trainer itself uses."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..training.collators.default import default_data_collator
from ..training.loaders import has_length as has_length
from ..training.losses import LabelSmoother as LabelSmoother
from ..training.nested import atleast_1d as atleast_1d
from ..training.nested import nested_concat as nested_concat
from ..training.nested import nested_detach as nested_detach
from ..training.nested import nested_numpify as nested_numpify
from ..training.nested import nested_truncate as nested_truncate
from ..training.nested import numpy_pad_and_concatenate as numpy_pad_and_concatenate
from ..training.nested import torch_pad_and_concatenate as torch_pad_and_concatenate
from ..training.optimizers.layerwise import LayerWiseDummyOptimizer as LayerWiseDummyOptimizer
from ..training.optimizers.layerwise import LayerWiseDummyScheduler as LayerWiseDummyScheduler
from ..training.optimizers.targets import check_target_module_exists as check_target_module_exists

torch_default_data_collator = default_data_collator
numpy_default_data_collator = partial(default_data_collator, return_tensors="np")


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
