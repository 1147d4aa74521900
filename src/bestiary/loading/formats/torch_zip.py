"""`pytorch_model.bin`: what `torch.save` writes, today's zip and the older plain form.

Read only by torch's weights-only reader, which builds tensors and refuses to call anything else; a file that asks for
more is named as unsafe. Zip files are memory mapped.
"""

import re
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ...core.errors import CorruptFile, UnsafeFile
from . import TensorInfo

_REOPEN_AFTER = 64 * 2**20  # bytes read of one map before it is closed to give its pages back


class TorchFile:
    """A file of `torch.save` that holds named tensors.

    Raises:
        UnsafeFile: reading it would have to call a function; the message names it.
        CorruptFile: cut short, empty, a Git-LFS pointer, or something other than named tensors.
    """

    metadata: Mapping[str, str] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: dict[str, torch.Tensor] | None = _read(path)
        self.infos = {key: TensorInfo(t.dtype, tuple(t.shape), path, t.nbytes) for key, t in self._state.items()}
        users = Counter(tensor.untyped_storage().data_ptr() for tensor in self._state.values())
        self._shared = {key for key, tensor in self._state.items() if users[tensor.untyped_storage().data_ptr()] > 1}
        self._touched = 0

    def tensor(self, key: str) -> torch.Tensor:
        if self._state is None:
            self._state = _read(self.path)
        tensor = self._state[key]
        # Two names over one storage would become two parameters that change each other; only a declared tie may do that.
        return tensor.clone(memory_format=torch.contiguous_format) if key in self._shared else tensor.contiguous()

    def drop(self, key: str) -> None:
        self._touched += self.infos[key].nbytes
        if self._touched > _REOPEN_AFTER:
            self._state, self._touched = None, 0


def _read(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":  # torch.load would hand it to another reader
        raise CorruptFile(f"{path} is named as a safetensors file where a file of torch.save is expected")
    with open(path, "rb") as file:
        begin = file.read(64)
    if not begin:
        raise CorruptFile(f"{path} is empty (0 bytes): an interrupted copy or download? Fetch it again")
    if begin.startswith(b"version https://git-lfs"):
        raise CorruptFile(f"{path} is a Git-LFS pointer, not the weights: run `git lfs pull`")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True, mmap=begin.startswith(b"PK"))
    except UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)|function (\S+)|class (\S+)", str(error).partition("error: ")[2] or str(error))
        if asked is None:
            raise CorruptFile(f"{path} is not a file of torch.save: {_last(error)}") from error
        name = next(group for group in asked.groups() if group)
        raise UnsafeFile(
            f"{path} was not opened: it asks to call {name!r}, and weights may not call anything. "
            "Get the checkpoint as safetensors, or save its state_dict again where you trust it"
        ) from error
    except (MemoryError, struct.error, RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError, OSError,
            AssertionError) as error:  # fmt: skip
        raise CorruptFile(f"{path} cannot be read by torch (cut short or damaged? fetch it again): {_last(error)}") from error
    return _checked(path, values)


def _checked(path: Path, values: Any) -> dict[str, torch.Tensor]:
    if not isinstance(values, dict):
        raise CorruptFile(f"{path} holds a {type(values).__name__}, not a table of named tensors (a state_dict)")
    odd = {key: type(value).__name__ for key, value in values.items() if not (isinstance(key, str) and torch.is_tensor(value))}
    if odd:
        some = ", ".join(f"{key!r} ({kind})" for key, kind in list(odd.items())[:5])
        raise CorruptFile(f"{path} holds more than named tensors: {some}. Save the state_dict alone")
    return {key: value.detach() for key, value in values.items()}


def _last(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def write(path: Path, shapes: Mapping[str, torch.Tensor], read: Callable[[str], torch.Tensor]) -> None:
    """`torch.save` of the tensors named in `shapes`, contiguous, on the CPU, each with a storage of its own size."""
    compact = {key: read(key).detach().cpu() for key in shapes}
    for key, tensor in compact.items():
        if tensor.untyped_storage().nbytes() != tensor.nbytes or not tensor.is_contiguous():
            compact[key] = tensor.clone(memory_format=torch.contiguous_format)
    with open(path, "wb") as file:
        torch.save(compact, file)
