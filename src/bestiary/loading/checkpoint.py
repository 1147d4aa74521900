"""All weight files of one checkpoint, found, opened and checked before any tensor is read."""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch

from ..core.errors import ArgumentError, CorruptFile, FileMissing, LoadError
from ..core.files import read_json
from ..hub.files import HubOptions, file_itself, find_file, get_file, get_files, inside, pinned
from .format import Format, Reader, TensorInfo, formats
from .formats import safetensors, torch_zip

SAFE_NAME = safetensors.FILE_NAME
TORCH_NAME = torch_zip.FILE_NAME
WEIGHT_PATTERNS = tuple(pattern for format in formats() for pattern in format.patterns)
_FOREIGN = {
    "tf_model.h5": ("TensorFlow", "from_tf"),
    "tf_model.h5.index.json": ("TensorFlow", "from_tf"),
    "model.ckpt.index": ("TensorFlow 1", "from_tf"),
    "flax_model.msgpack": ("Flax", "from_flax"),
    "flax_model.msgpack.index.json": ("Flax", "from_flax"),
}


def with_variant(name: str, variant: str | None) -> str:
    """`model.safetensors` with variant `fp16` is `model.fp16.safetensors`; what is no word is refused with `ArgumentError`."""
    if not variant and (variant is None or isinstance(variant, str)):
        return name
    if not isinstance(variant, str) or not re.fullmatch(r"\w[\w.-]{0,63}", variant):
        raise ArgumentError(f"variant is {variant!r:.60}; expected a word that is part of the files' names, such as 'fp16'")
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{variant}.{suffix}"


def index_name(name: str, variant: str | None = None) -> str:
    """The index beside the shards of `name`: `model.safetensors.index.json`."""
    return with_variant(f"{name}.index.json", variant)


@dataclass(frozen=True)
class Encoded:
    """Numbers that a file holds as several tensors of few bits.

    sources: the keys of these. shape: of the numbers. build: makes the numbers, float32, from the tensors in that order.
    """

    sources: tuple[str, ...]
    shape: tuple[int, ...]
    build: Callable[[list[torch.Tensor]], torch.Tensor]


@dataclass
class Checkpoint:
    """The weights of one checkpoint as a lazy table.

    Attributes:
        keys: tensor name -> dtype, shape, file and bytes, known from headers alone.
        metadata: what the files say about themselves.
        format: the name of the format's file, "safetensors" or "torch_zip".
        files: the weight files, in order.
    """

    files: list[Path]
    format: str
    keys: dict[str, TensorInfo] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    _readers: dict[str, Reader] = field(default_factory=dict, repr=False)  # tensor name -> the file that holds it
    _stored: dict[str, str] = field(default_factory=dict, repr=False)  # tensor name -> its name there, where that is another

    @classmethod
    def open(
        cls,
        name_or_path: str | os.PathLike[str],
        options: HubOptions = HubOptions(),
        *,
        use_safetensors: bool | None = None,
        variant: str | None = None,
    ) -> Self:
        """Find the weights in a folder, on the hub, or in the one file that is named, and check their headers.

        Looked for in this order: `model.safetensors`, its index, `pytorch_model.bin`, its index, and the same of further
        formats. `use_safetensors` True keeps only the first two, False only the others.

        Raises:
            FileMissing: no weights; names what was looked for, or the shards that lack.
            CorruptFile, UnsafeFile: a file is damaged, lies, points outside its folder, or would run code.
        """
        path = file_itself(name_or_path)
        if path is not None:
            return cls._read(path, next((format for format in formats() if path.suffix in format.suffixes), formats()[0]))
        candidates = [f for f in formats() if use_safetensors is None or use_safetensors == (f.file_name == SAFE_NAME)]
        for format in candidates:
            if (single := find_file(name_or_path, with_variant(format.file_name, variant), options)) is not None:
                return cls._read(single, format)
            if (index := find_file(name_or_path, index_name(format.file_name, variant), options)) is not None:
                return cls._read_index(name_or_path, index, format, options)
        raise FileMissing(_nothing_found(name_or_path, options, [format.file_name for format in candidates], variant))

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Tensors in memory as a checkpoint; they are copied when read, so that the model does not share them.

        Raises:
            ArgumentError: `state` is no table of tensors.
        """
        if not isinstance(state, Mapping):
            raise ArgumentError(f"state_dict is {state!r:.80}; expected a dictionary of tensors by name")
        for name, tensor in state.items():
            if not isinstance(tensor, torch.Tensor):
                raise ArgumentError(f"state_dict has {tensor!r:.80} for {name!r:.80}; expected a tensor")
        self = cls([], "memory")
        self._add(_Memory(state))
        return self

    @classmethod
    def open_index(cls, folder: str | os.PathLike[str], name: str) -> Self:
        """The shards in `folder` of the index beside `name` (`model.safetensors` or `pytorch_model.bin`).

        Raises:
            FileMissing, CorruptFile, UnsafeFile: as `open`.
        """
        [format] = [format for format in formats() if format.file_name == name]
        return cls._read_index(folder, get_file(folder, index_name(name)), format, HubOptions())

    @classmethod
    def _read(cls, file: Path, format: Format) -> Self:
        self = cls([file], format.name)
        self._add(format.read(file))
        return self

    def _add(self, reader: Reader) -> None:
        self.metadata.update(reader.metadata)
        self.keys.update(reader.infos)
        self._readers.update(dict.fromkeys(reader.infos, reader))

    @classmethod
    def _read_index(cls, name_or_path: str | os.PathLike[str], index: Path, format: Format, options: HubOptions) -> Self:
        weight_map = read_weight_map(index)
        shards = sorted(set(weight_map.values()))
        files = get_files(name_or_path, shards, pinned(options, index))
        readers = {shard: format.read(file) for shard, file in zip(shards, files, strict=True)}
        self = cls(files, format.name)
        for reader in readers.values():
            self._add(reader)
        for key, shard in weight_map.items():  # where two shards hold a key, the index decides
            if key not in readers[shard].infos:
                raise CorruptFile(
                    f"{index} says that {shard} holds {key!r}, but it does not: index and shards do not belong together"
                )
            self.keys[key], self._readers[key] = readers[shard].infos[key], readers[shard]
        return self

    def tensor(self, key: str) -> torch.Tensor:
        """The tensor `key`, mapped from its file where the format allows; writing to it never changes the file."""
        return self._readers[key].tensor(self.stored_name(key))

    def drop(self, key: str) -> None:
        """Give back the memory that reading `key` took; a tensor handed out is read from the file anew when used again."""
        self._readers[key].drop(self.stored_name(key))

    def reader(self, key: str) -> Reader:
        """The open file that holds the tensor `key`, there under `stored_name(key)`."""
        return self._readers[key]

    @property
    def total_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(info.nbytes for info in self.keys.values())

    @property
    def name(self) -> str:
        """The file, or the folder of several files."""
        return str(self.files[0] if len(self.files) == 1 else self.files[0].parent) if self.files else "the state_dict"

    def where(self, key: str) -> str:
        """`file:key`, for reports."""
        return f"{self.keys[key].file.name}:{self.stored_name(key)}"

    def stored_name(self, key: str) -> str:
        """What the file calls the tensor `key`."""
        return self._stored.get(key, key)

    def rename(self, patterns: Mapping[str, str]) -> None:
        """Call tensors otherwise than the files do: in each name, of each pattern in turn, the first match is replaced.

        Args:
            patterns: regular expression -> what takes its place, with `\\1` for what the first group matched. One whose end
                is a letter or digit ends with a word: `layers.1` is not in `layers.10`, nor `attention` in `attention_norm`.

        Raises:
            ArgumentError: these are no patterns and replacements, or give two tensors one name.
        """
        if not isinstance(patterns, Mapping):
            raise ArgumentError(f"key_mapping is a {type(patterns).__name__}; expected a table of patterns and replacements")
        names: dict[str, str] = {}
        for key in self.keys:
            name = key
            for pattern, replacement in patterns.items():
                try:
                    whole = rf"(?:{pattern})\b" if re.search(r"(?<!\\)[A-Za-z0-9]\Z", pattern) else pattern
                    name = re.sub(whole, replacement, name, count=1)
                except (re.error, TypeError, IndexError) as error:
                    raise ArgumentError(
                        f"key_mapping cannot replace {pattern!r:.80} by {replacement!r:.80}: {error}; expected a regular"
                        " expression and a text"
                    ) from error
            if name in names:
                raise ArgumentError(f"key_mapping gives {names[name]!r} and {key!r} the one name {name!r}; one would be lost")
            names[name] = key
        self.keys = {name: self.keys[key] for name, key in names.items()}
        self._readers = {name: self._readers[key] for name, key in names.items()}
        self._stored = names

    def decode(self, name: str, encoded: Encoded) -> None:
        """Hold numbers, which are made when they are read, as the tensor `name`, in place of those that they are made of."""
        reader = _Decoder(name, encoded, [(self._readers[key], self.stored_name(key)) for key in encoded.sources])
        file = self.keys[encoded.sources[0]].file
        for key in encoded.sources:
            del self.keys[key], self._readers[key]
            self._stored.pop(key, None)
        self.keys[name] = TensorInfo(torch.float32, encoded.shape, file, 4 * math.prod(encoded.shape))
        self._readers[name] = reader

    def is_decoded(self, key: str) -> bool:
        """Whether no file holds the tensor `key` as it is given (`decode`)."""
        return isinstance(self._readers[key], _Decoder)


@dataclass
class _Decoder:
    """What makes one tensor of several of other readers."""

    name: str
    encoded: Encoded
    parts: list[tuple[Reader, str]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    infos: Mapping[str, TensorInfo] = field(default_factory=dict)

    def tensor(self, key: str) -> torch.Tensor:
        try:
            return self.encoded.build([reader.tensor(stored) for reader, stored in self.parts])
        except CorruptFile as error:
            raise LoadError(f"{self.name} cannot be made of {', '.join(self.encoded.sources)}: {error}") from error

    def drop(self, key: str) -> None:
        for reader, stored in self.parts:
            reader.drop(stored)


class _Memory:
    """A state dict in the place of a file."""

    metadata: Mapping[str, str] = {}

    def __init__(self, state: Mapping[str, torch.Tensor]) -> None:
        self._state = state
        self.infos = {key: TensorInfo(t.dtype, tuple(t.shape), Path("state_dict"), t.nbytes) for key, t in state.items()}

    def tensor(self, key: str) -> torch.Tensor:
        return self._state[key].detach().clone()

    def drop(self, key: str) -> None:
        """Nothing was taken."""


def read_weight_map(index: Path) -> Mapping[str, str]:
    """The `weight_map` of an index file: tensor name -> shard, every shard inside the folder.

    Raises:
        CorruptFile: not JSON, or no table of names.
        UnsafeFile: a shard's name leads outside the folder.
    """
    values = read_json(index)
    weight_map = values.get("weight_map") if isinstance(values, dict) else None
    if (
        not isinstance(weight_map, dict)
        or not weight_map
        or not all(isinstance(shard, str) and shard for shard in weight_map.values())
    ):
        raise CorruptFile(f"{index} has no usable weight_map; expected a table of tensor names and shard files")
    return {key: inside(shard) for key, shard in weight_map.items()}


def _nothing_found(name_or_path: str | os.PathLike[str], options: HubOptions, names: list[str], variant: str | None) -> str:
    candidates = [file for name in names for file in (with_variant(name, variant), index_name(name, variant))]
    where = f"{name_or_path}" + (f" (subfolder {options.subfolder!r})" if options.subfolder else "")
    message = f"there are no weights in {where}: looked for {', '.join(candidates)}"
    others = [format.file_name for format in formats() if format.file_name not in names or variant]
    for name in [file for other in others for file in (other, index_name(other))]:
        if find_file(name_or_path, name, options) is not None:
            return f"{message}. There is {name}; `use_safetensors` or `variant` excludes it"
    for name, (framework, flag) in _FOREIGN.items():
        if find_file(name_or_path, name, options) is not None:
            return (
                f"{message}. There is {name}: {framework} weights, what {flag}=True asks for, which this library does not "
                "read. Convert them to safetensors first"
            )
    return message
