"""safetensors: eight bytes of header length, a JSON header, raw tensors. https://github.com/huggingface/safetensors

The header is checked here in full before any tensor is touched; tensors are then views of a private memory map.
"""

import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ...core.errors import CorruptFile
from ...core.sizes import show_size
from ..format import TensorInfo

FILE_NAME = "model.safetensors"
SUFFIXES = (".safetensors",)
PLACE = 1

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MAX_HEADER = 100_000_000


class SafetensorsFile:
    """A safetensors file whose header has been read and checked.

    Raises:
        CorruptFile: cut short, empty, never filled, a Git-LFS pointer, or a header that lies; the message says which.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        header, self._start, size = _read_header(path)
        self.metadata: Mapping[str, str] = _check_metadata(path, header.pop("__metadata__", {}))
        self.infos: dict[str, TensorInfo] = {}
        self._offsets: dict[str, int] = {}
        for key, entry in header.items():
            self.infos[key], self._offsets[key] = _check_entry(path, key, entry)
        self._check_layout(size)
        self._map: mmap.mmap | None = None

    def _check_layout(self, size: int) -> None:
        """The tensors must tile the bytes after the header: no overlap, no hole, no end beyond the file's."""
        position = 0
        for key in sorted(self.infos, key=lambda key: (self._offsets[key], self.infos[key].nbytes)):
            if self._offsets[key] != position:
                what = "overlaps the tensor before it" if self._offsets[key] < position else "leaves a hole before it"
                raise CorruptFile(f"{self.path}: tensor {key!r} starts at byte {self._offsets[key]}, not {position}: it {what}")
            position += self.infos[key].nbytes
        expected = self._start + position
        if size != expected:
            what = "was cut short (an interrupted copy or download?)" if size < expected else "has bytes of no tensor"
            raise CorruptFile(f"{self.path} {what}: {size} bytes long, its header describes {expected}. Fetch it again")

    def tensor(self, key: str) -> torch.Tensor:
        info = self.infos[key]
        if not info.nbytes:
            return torch.empty(info.shape, dtype=info.dtype)
        if self._map is None:
            with open(self.path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        offset = self._start + self._offsets[key]
        if offset % info.dtype.itemsize:  # files of old writers; kernels need aligned numbers
            return torch.frombuffer(bytearray(self._map[offset : offset + info.nbytes]), dtype=info.dtype).view(info.shape)
        count = info.nbytes // info.dtype.itemsize
        return torch.frombuffer(self._map, dtype=info.dtype, count=count, offset=offset).view(info.shape)

    def drop(self, key: str) -> None:
        if self._map is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        begin = self._start + self._offsets[key]
        first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE  # whole pages only: the edges belong to the neighbours too
        last = (begin + self.infos[key].nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if last > first:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)


READER = SafetensorsFile


def write(
    path: Path, shapes: Mapping[str, torch.Tensor], read: Callable[[str], torch.Tensor], metadata: Mapping[str, str]
) -> None:
    """Write tensors one after another, so that no two of them have to be in memory for it.

    Args:
        shapes: name -> a tensor of the right shape and dtype, data or not.
        read: gives the data by name.
    """
    order = sorted(shapes, key=lambda key: (-shapes[key].dtype.itemsize, key))  # widest first keeps all aligned
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for key in order:
        end = position + shapes[key].nbytes
        header[key] = {"dtype": NAMES[shapes[key].dtype], "shape": list(shapes[key].shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key in order:
            file.write(_bytes_of(read(key)))


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    """The JSON header, the byte where tensors start, and the size of the file."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        begin = file.read(8)
        if len(begin) == 8 and _looks_like_text(begin) is None:
            length = struct.unpack("<Q", begin)[0]
            if 0 < length <= min(MAX_HEADER, size - 8):
                return _parse_header(path, file.read(length)), 8 + length, size
        file.seek(0)
        raise CorruptFile(f"{path} {_header_problem(file.read(512), size)}")


def _looks_like_text(begin: bytes) -> str | None:
    """What a file that starts like this is instead, when that can be told."""
    signatures = {
        b"version ": "a Git-LFS pointer",
        b"PK\x03\x04": "a zip file (PyTorch?)",
        b"<": "a web page",
        b"\x80": "a pickle",
    }
    return next(
        (name for start, name in signatures.items() if begin.startswith(start) and not begin.endswith(b"\0\0\0\0")), None
    )


def _header_problem(begin: bytes, size: int) -> str:
    """Why a file with these first bytes has no readable header."""
    if not size:
        return "is empty (0 bytes): an interrupted copy or download? Fetch it again"
    if size < 8:
        return f"is {size} bytes long; a safetensors file has at least 8. Fetch it again"
    if begin.startswith(b"version https://git-lfs"):
        lines = dict(line.split(" ", 1) for line in begin.decode("utf-8", "replace").splitlines() if " " in line)
        return f"is a Git-LFS pointer of {size} bytes, not the weights ({lines.get('size', '?')} bytes): run `git lfs pull`"
    if (instead := _looks_like_text(begin[:8])) is not None:
        return f"is {instead}, not a safetensors file"
    length = struct.unpack("<Q", begin[:8])[0]
    if not length:
        return f"begins with zeros: {show_size(size)} were reserved but never filled (interrupted download?). Fetch it again"
    if length > MAX_HEADER:
        return f"says its header has {length} bytes, more than the {MAX_HEADER} allowed: it is damaged or no safetensors file"
    return f"was cut short inside its header: the header has {length} bytes, the whole file {size}. Fetch it again"


def _parse_header(path: Path, text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            names: set[str] = set()
            twice = next(key for key, _ in pairs if key in names or names.add(key))  # type: ignore[func-returns-value]
            raise CorruptFile(f"{path}: the header names {twice!r} twice")
        return table

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"{path}: the header is not JSON ({error}): the file is damaged or no safetensors file") from error
    if not isinstance(header, dict):
        raise CorruptFile(f"{path}: the header is a {type(header).__name__}, not a table of tensors")
    return header


def _check_metadata(path: Path, metadata: Any) -> dict[str, str]:
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        return metadata
    raise CorruptFile(f"{path}: __metadata__ must map texts to texts")


def _check_entry(path: Path, key: str, entry: Any) -> tuple[TensorInfo, int]:
    """One tensor's line of the header: a known dtype, a sane shape, and as many bytes as those two need."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CorruptFile(f"{path}: the header's entry for {key!r} must hold exactly dtype, shape and data_offsets")
    name, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(name, str) or name not in DTYPES:
        raise CorruptFile(f"{path}: tensor {key!r} has the unknown dtype {name!r}; known are {', '.join(DTYPES)}")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise CorruptFile(f"{path}: tensor {key!r} has shape {shape!r} and data_offsets {offsets!r}: not whole numbers")
    nbytes = math.prod(shape) * DTYPES[name].itemsize
    if offsets[1] - offsets[0] != nbytes:
        raise CorruptFile(
            f"{path}: tensor {key!r} of shape {shape} and dtype {name} needs {nbytes} bytes, "
            f"but its data_offsets {offsets} hold {offsets[1] - offsets[0]}"
        )
    return TensorInfo(DTYPES[name], tuple(shape), path, nbytes), offsets[0]


def _sizes(values: Any) -> bool:
    """Whether `values` is a list of integers of at least 0 and below 2**63."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)
