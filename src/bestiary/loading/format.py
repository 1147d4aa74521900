"""What a format of weight files offers, and which there are: the files of `formats/`.

A format's file holds three constants, which are read without importing it, and the class `READER`:

    FILE_NAME: the published name of a checkpoint's weights, `model.safetensors`; shards and index are named after it
    SUFFIXES: how other files of this format end
    PLACE: in a folder with several formats, the lowest is read
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import torch

from ..core import plugins
from ..core.errors import PluginError

_FORMATS = f"{__package__}.formats"


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


@dataclass(frozen=True)
class Format:
    """A format: the name of its file in `formats/`, the published file name, and how other files of it end."""

    name: str
    file_name: str
    suffixes: tuple[str, ...]

    def read(self, file: Path) -> Reader:
        """Open `file` and check its structure."""
        reader: Reader = plugins.definition(_FORMATS, self.name, "format of weights", "READER")(file)
        return reader

    @property
    def patterns(self) -> tuple[str, str]:
        """Patterns of the names of all weight files, variants and shards included, and of their indexes."""
        stem, _, suffix = self.file_name.rpartition(".")
        return f"{stem}*.{suffix}", f"{self.file_name}.index*.json"


@cache
def formats() -> tuple[Format, ...]:
    """All formats, in the order in which a checkpoint's folder is searched for them.

    Raises:
        PluginError: a file lacks one of the three constants, or has the place or the file name of another.
    """
    names, suffixes = plugins.literals(_FORMATS, "FILE_NAME", str), plugins.literals(_FORMATS, "SUFFIXES", plugins.Names)
    plugins.check_unique("FILE_NAME =", {f"{_FORMATS}.{name}": [file_name] for name, file_name in names.items()})
    for name in plugins.names(_FORMATS):
        constants = {"FILE_NAME": names, "SUFFIXES": suffixes, "PLACE": plugins.in_order(_FORMATS)}
        for constant, files in constants.items():
            if name not in files:
                raise PluginError(f"{_FORMATS}.{name} has no {constant}, which a format of weights must say at its top")
    return tuple(Format(name, names[name], suffixes[name]) for name in plugins.in_order(_FORMATS))
