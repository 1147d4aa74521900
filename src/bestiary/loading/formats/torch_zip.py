"""`pytorch_model.bin`: what `torch.save` writes, today's zip and the older plain form.

Read only by torch's weights-only reader, which builds tensors and refuses to call anything else; a file that asks for
more is named as unsafe. Zip files are memory mapped.
"""

import pickletools
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from ...core.errors import CorruptFile, UnsafeFile
from ..format import TensorInfo

FILE_NAME = "pytorch_model.bin"
SUFFIXES = (".bin", ".pt", ".pth")
PLACE = 2

_REOPEN_AFTER = 64 * 2**20  # bytes read of one map before it is closed to give its pages back


class TorchFile:
    """A file of `torch.save` that holds named tensors.

    Raises:
        UnsafeFile: reading it would have to call a function; the message names it.
        CorruptFile: cut short, empty, a Git-LFS pointer, or something other than named tensors; when a tensor is read, also
            that its bytes are not those that were written.
    """

    metadata: Mapping[str, str] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unchecked = members(path)
        self._state: dict[str, torch.Tensor] | None = _read(path)
        self.infos = {key: TensorInfo(t.dtype, tuple(t.shape), path, t.nbytes) for key, t in self._state.items()}
        users = Counter(tensor.untyped_storage().data_ptr() for tensor in self._state.values())
        self._shared = {key for key, tensor in self._state.items() if users[tensor.untyped_storage().data_ptr()] > 1}
        self._touched = 0

    def tensor(self, key: str) -> torch.Tensor:
        if self._state is None:
            self._state = _read(self.path)
        if self._unchecked:
            compare(self.path, self._unchecked)
            self._unchecked = []
        tensor = self._state[key]
        # Two names over one storage would become two parameters that change each other; only a declared tie may do that.
        return tensor.clone(memory_format=torch.contiguous_format) if key in self._shared else tensor.contiguous()

    def drop(self, key: str) -> None:
        self._touched += self.infos[key].nbytes
        if self._touched > _REOPEN_AFTER:
            self._state, self._touched = None, 0


READER = TorchFile


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
        match = re.search(r"GLOBAL ([\w.]+)|function (\S+)|class (\S+)", str(error).partition("error: ")[2] or str(error))
        name = next(group for group in match.groups() if group) if match else calls(path)
        if name is None:
            raise CorruptFile(f"{path} is not a file of torch.save, or is damaged; fetch it again") from error
        raise UnsafeFile(
            f"{path} was not opened: it asks to call {name!r}, and weights may not call anything. "
            "Get the checkpoint as safetensors, or save its state_dict again where you trust it"
        ) from error
    except (MemoryError, struct.error, RuntimeError, EOFError, ValueError, TypeError, LookupError, AttributeError, OSError,
            AssertionError) as error:  # fmt: skip
        raise CorruptFile(
            f"{path} cannot be read by torch (cut short or damaged? fetch it again): {_first_sentence(error)}"
        ) from error
    return _checked(path, values)


def _checked(path: Path, values: Any) -> dict[str, torch.Tensor]:
    if not isinstance(values, dict):
        raise CorruptFile(f"{path} holds a {type(values).__name__}, not a table of named tensors (a state_dict)")
    invalid = {key: kind for key, value in values.items() if (kind := _kind_unless_tensor(key, value))}
    if invalid:
        examples = ", ".join(f"{key!r:.60} ({kind})" for key, kind in list(invalid.items())[:5])
        raise CorruptFile(
            f"{path} holds more than named, dense tensors: {examples}. Save the state_dict alone, its tensors dense"
        )
    return {key: value.detach() for key, value in values.items()}


def _kind_unless_tensor(key: Any, value: Any) -> str:
    """What an entry is when it is not a plain tensor with its own data under a name; else an empty text."""
    if not isinstance(key, str) or not torch.is_tensor(value):
        return type(value).__name__
    if value.layout is not torch.strided or value.is_nested or value.is_quantized:
        return str(value.dtype if value.is_quantized else "nested" if value.is_nested else value.layout).removeprefix("torch.")
    if value.is_meta:
        return "on the meta device, without data"
    # A view that repeats its data can be of any size; published ones repeat no more than a row of positions.
    stored_bytes = value.untyped_storage().nbytes()
    return f"{value.nbytes} bytes made of {stored_bytes}" if value.nbytes > max(stored_bytes, 2**20) else ""


def calls(path: Path) -> str | None:
    """What a pickle that torch's reader does not even know would call; None where it calls nothing. Nothing is run."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content = archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))
        else:
            content = path.read_bytes()
        texts: list[str] = []
        for code, argument, _ in pickletools.genops(content):
            if code.name in ("GLOBAL", "INST"):
                return str(argument).replace(" ", ".")
            if code.name == "STACK_GLOBAL":
                return ".".join(texts[-2:])
            if code.name.startswith("EXT"):
                return f"extension {argument}"
            if isinstance(argument, str):
                texts.append(argument)
    except (ValueError, StopIteration, OSError, zipfile.BadZipFile, EOFError, NotImplementedError):
        return None
    return None


class Member(NamedTuple):
    """The bytes of one storage: where they lie in the file, how many they are, and their checksum."""

    name: str
    begin: int
    size: int
    checksum: int


def members(path: Path) -> list[Member]:
    """The storages of a zip file; its small parts are compared with their checksums at once, which torch does not do.

    Raises:
        CorruptFile: the list of names and shapes is not what was written.
    """
    storages: list[Member] = []
    if not zipfile.is_zipfile(path):
        return storages
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED:  # a few bytes may stand for gigabytes
                    raise CorruptFile(f"{path} holds {info.filename} compressed; files of torch.save are not")
                if "/data/" not in info.filename:
                    archive.read(info)
                elif info.CRC:  # some writers leave it out
                    file.seek(info.header_offset + 26)
                    name, extra = struct.unpack("<HH", file.read(4))
                    storages.append(Member(info.filename, info.header_offset + 30 + name + extra, info.file_size, info.CRC))
    except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError) as error:
        raise CorruptFile(f"{path} is damaged: {_first_sentence(error)}. Fetch it again") from error
    return storages


def compare(path: Path, storages: list[Member]) -> None:
    """Raise `CorruptFile` when the bytes of a storage are not those that were written."""
    with open(path, "rb") as file:
        for storage in storages:
            file.seek(storage.begin)
            checksum, remaining = 0, storage.size
            while remaining and (chunk := file.read(min(remaining, 2**20))):
                checksum, remaining = zlib.crc32(chunk, checksum), remaining - len(chunk)
            if checksum != storage.checksum:
                raise CorruptFile(
                    f"{path} is damaged: {storage.name} has the checksum {checksum:08x}, and {storage.checksum:08x} was "
                    "written. Fetch it again"
                )


def _first_sentence(error: Exception) -> str:
    """The first sentence of an error of torch; what follows is advice on how to trust the file, which no one should take."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].partition(". ")[0][:200]


def write(path: Path, shapes: Mapping[str, torch.Tensor], read: Callable[[str], torch.Tensor]) -> None:
    """`torch.save` of the tensors named in `shapes`, contiguous, on the CPU, each with a storage of its own size."""
    compact = {key: read(key).detach().cpu() for key in shapes}
    for key, tensor in compact.items():
        if tensor.untyped_storage().nbytes() != tensor.nbytes or not tensor.is_contiguous():
            compact[key] = tensor.clone(memory_format=torch.contiguous_format)
    with open(path, "wb") as file:
        torch.save(compact, file)
