"""What loops of evaluation keep of their batches, under published names; `Trainer` has its own."""

import math
import warnings
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..training.nested import PADDING, _nested, nested_concat, nested_numpify, nested_truncate


def nested_new_like(arrays: Any, num_samples: int, padding_index: float = PADDING) -> Any:
    """A nest of arrays like these, each with `num_samples` rows that hold `padding_index`."""
    return _nested(lambda each: np.full_like(each, padding_index, shape=(num_samples, *each.shape[1:])), arrays)


class EvalLoopContainer:
    """Nests of tensors, one after the other.

    Args:
        do_nested_concat: join their rows; otherwise they are listed. padding_index: fills up the narrower ones.

    Attributes:
        tensors: what was added since the last `to_cpu_and_numpy`. arrays: what was added before.
    """

    def __init__(self, do_nested_concat: bool = True, padding_index: int = -100) -> None:
        self.do_nested_concat, self.padding_index = do_nested_concat, padding_index
        self.tensors: Any = None
        self.arrays: Any = None

    def add(self, tensors: Any) -> None:
        """Add a nest."""
        self.tensors = self._joined(self.tensors, tensors if self.do_nested_concat else [tensors])

    def to_cpu_and_numpy(self) -> None:
        """Turn what was added into arrays."""
        if self.tensors is not None:
            self.arrays, self.tensors = self._joined(self.arrays, nested_numpify(self.tensors)), None

    def get_arrays(self) -> Any:
        """All as arrays; None where nothing was added."""
        self.to_cpu_and_numpy()
        return self.arrays

    def _joined(self, before: Any, new: Any) -> Any:
        if before is None:
            return new
        return nested_concat(before, new, padding_index=self.padding_index) if self.do_nested_concat else before + new


class DistributedTensorGatherer:
    """Arrays of several processes, of which each goes over rows that follow each other (`SequentialDistributedSampler`).

    Args:
        world_size: processes. num_samples: rows of the data set. make_multiple_of: the part of each process is whole times so
            many rows. padding_index: fills up rows that are narrower than others.
    """

    def __init__(
        self, world_size: int, num_samples: int, make_multiple_of: int | None = None, padding_index: int = -100
    ) -> None:
        self.world_size, self.num_samples, self.padding_index = world_size, num_samples, padding_index
        size = world_size * (make_multiple_of or 1)
        self.total_samples = math.ceil(num_samples / size) * size
        self.process_length = self.total_samples // world_size
        self._parts: list[Any] = []

    def add_arrays(self, arrays: Any) -> None:
        """Add a nest of arrays: as many rows of each process behind each other.

        Raises:
            ArgumentError: their number is no multiple of the processes.
        """
        if arrays is None:
            return
        rows = _rows(arrays)
        if rows % self.world_size:
            raise ArgumentError(f"arrays have {rows} rows, and there are {self.world_size} processes; expected as many of each")
        self._parts.append(arrays)

    def finalize(self) -> Any:
        """The rows in the order of the data set, without those that were added to it; None where there are none."""
        if not self._parts:
            return None
        share = [_rows(part) // self.world_size for part in self._parts]
        if sum(share) != self.process_length:
            warnings.warn(
                f"{sum(share) * self.world_size} rows of {self.total_samples} were added: values are missing", stacklevel=2
            )
        whole = None
        for process in range(self.world_size):
            for part, rows in zip(self._parts, share, strict=True):
                piece = _nested(lambda each, p=process, n=rows: np.asarray(each)[p * n : (p + 1) * n], part)
                whole = piece if whole is None else nested_concat(whole, piece, self.padding_index)
        return nested_truncate(whole, self.num_samples)


def _rows(arrays: Any) -> int:
    while isinstance(arrays, list | tuple | dict):
        arrays = next(iter(arrays.values() if isinstance(arrays, dict) else arrays))
    return len(arrays)
