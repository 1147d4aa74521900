"""GGUF files as they are: tensors under the file's own names, as numbers or as the blocks that hold them."""

import mmap
from collections.abc import Mapping
from pathlib import Path

import torch

from ...core.gguf import Entry, read_header
from ...kernels.blocks import block_numbers
from ...kernels.gguf.blocks import PLAIN
from ..format import TensorInfo
from .config import LONGEST_LIST

# Numbers of a tensor for which the C kernels are compiled where they were not yet; it takes seconds.
LARGE = 2**22


class GgufFile:
    """A GGUF file whose header has been read and checked.

    Raises:
        CorruptFile: as `core.gguf.read_header`.
    """

    def __init__(self, path: Path) -> None:
        self.header = read_header(path, longest_list=LONGEST_LIST)
        self.path = self.header.path
        self.metadata: Mapping[str, str] = {k: v for k, v in self.header.metadata.items() if isinstance(v, str)}
        self.infos = {name: _info(entry, self.path) for name, entry in self.header.tensors.items()}
        self._map: mmap.mmap | None = None

    def raw(self, key: str) -> torch.Tensor:
        """The bytes of the tensor `key`, of shape (..., bytes of a row); writing to them never changes the file."""
        kind, shape, offset, nbytes = self.header.tensors[key]
        row = (shape[-1] if shape else 1) // kind.block * kind.nbytes
        if not nbytes:
            return torch.empty((*shape[:-1], row), dtype=torch.uint8)
        if self._map is None:
            with open(self.path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        data = torch.frombuffer(self._map, dtype=torch.uint8, count=nbytes, offset=offset)
        return data.view(*shape[:-1], row)

    def tensor(self, key: str) -> torch.Tensor:
        entry = self.header.tensors[key]
        raw = self.raw(key)
        if entry.kind.name in PLAIN and raw.data_ptr() % entry.kind.nbytes:  # kernels need aligned numbers
            raw = raw.clone()
        return block_numbers(raw, entry.kind, worth=LARGE).view(entry.shape)

    def drop(self, key: str) -> None:
        if self._map is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        entry = self.header.tensors[key]
        first = -(-entry.offset // mmap.PAGESIZE) * mmap.PAGESIZE  # whole pages only: the edges belong to the neighbours too
        last = (entry.offset + entry.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if last > first:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)


def _info(entry: Entry, path: Path) -> TensorInfo:
    dtype = PLAIN.get(entry.kind.name, torch.float32)
    count = entry.nbytes // entry.kind.nbytes * entry.kind.block
    return TensorInfo(dtype, entry.shape, path, count * dtype.itemsize)
