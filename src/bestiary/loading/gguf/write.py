"""Writing a GGUF file: header, metadata, and tensors one after another."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch

from ...core import gguf
from ...core.gguf import ALIGNMENT, NUMBERS, Kind
from ...kernels.gguf.blocks import quantize

VERSION = 3
ROWS_AT_ONCE = 2**24  # numbers quantized at once


def write(
    path: Path,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, tuple[Kind, tuple[int, ...]]],
    read: Callable[[str], torch.Tensor],
) -> None:
    """Write a GGUF file of version 3; no two tensors have to be in memory for it.

    Args:
        metadata: key -> truth value, number, text, or a list of one kind of these.
        tensors: name -> type and shape, in the order of the file. read: gives the numbers of one by its name.
    """
    with open(path, "wb") as file:
        file.write(gguf.MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(metadata)))
        for key, value in metadata.items():
            file.write(_text(key) + _value(value))
        offset = 0
        for name, (kind, shape) in tensors.items():
            sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
            file.write(_text(name) + sizes + struct.pack("<IQ", NUMBERS[kind.name], offset))
            offset += -(-nbytes(kind, shape) // ALIGNMENT) * ALIGNMENT
        for name, (kind, _) in tensors.items():
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            _write_tensor(file, read(name), kind)
        file.write(b"\0" * (-file.tell() % ALIGNMENT))


def nbytes(kind: Kind, shape: tuple[int, ...]) -> int:
    """How many bytes a tensor takes."""
    return torch.Size(shape).numel() // kind.block * kind.nbytes


def _write_tensor(file: IO[bytes], tensor: torch.Tensor, kind: Kind) -> None:
    tensor = tensor.detach().cpu().contiguous()
    rows = tensor.view(-1, tensor.shape[-1]) if tensor.dim() else tensor.view(1, 1)
    step = max(1, ROWS_AT_ONCE // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        file.write(quantize(rows[start : start + step], kind).contiguous().view(-1).numpy().data)


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, list):
        kinds = [_kind(each) for each in value] or [gguf.INT32]
        kind = gguf.INT32 if {*kinds} <= {gguf.UINT32, gguf.INT32} else kinds[0]
        begin = struct.pack("<IIQ", gguf.ARRAY, kind, len(value))
        if kind == gguf.TEXT:
            return begin + b"".join(map(_text, value))
        return begin + struct.pack(f"<{len(value)}{gguf.FORMATS[kind]}", *value)
    kind = _kind(value)
    return struct.pack("<I", kind) + (_text(value) if kind == gguf.TEXT else struct.pack(f"<{gguf.FORMATS[kind]}", value))


def _kind(value: Any) -> int:
    """The type that a value is stored as: whole numbers in 32 bits where they fit."""
    if isinstance(value, bool):
        return gguf.BOOL
    if isinstance(value, int):
        return gguf.UINT32 if 0 <= value < 2**32 else gguf.INT32 if -(2**31) <= value < 0 else gguf.INT64
    return gguf.FLOAT32 if isinstance(value, float) else gguf.TEXT
