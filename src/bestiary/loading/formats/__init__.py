"""File formats of weights, one file each. Each gives a reader with `infos`, `metadata`, `tensor` and `drop`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch


@dataclass(frozen=True)
class TensorInfo:
    """What a header says of one tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    file: Path
    nbytes: int


class Reader(Protocol):
    """One open weights file whose structure has been checked."""

    @property
    def infos(self) -> Mapping[str, TensorInfo]:
        """Every tensor of the file, in file order."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says about itself."""

    def tensor(self, key: str) -> torch.Tensor:
        """The tensor, mapped from the file where the format allows; writing to it never changes the file."""

    def drop(self, key: str) -> None:
        """Give back the memory that reading `key` took; a tensor handed out is read from the file anew when used again."""
