"""The header of a GGUF file: metadata and the places of its tensors. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

Everything that the header says is compared with the size of the file before anything is made of it.
"""

import math
import mmap
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .errors import CorruptFile, did_you_mean

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = 32
LARGEST_ALIGNMENT = 2**20
LONGEST_NAME = 2**16 - 1
MOST_DIMENSIONS = 8
DEEPEST_ARRAY = 4


class Kind(NamedTuple):
    """A type of tensors: its name, how many numbers one of its blocks holds, and in how many bytes."""

    name: str
    block: int
    nbytes: int


# The number that stands in files -> the type.
KINDS = {
    0: Kind("F32", 1, 4),
    1: Kind("F16", 1, 2),
    2: Kind("Q4_0", 32, 18),
    3: Kind("Q4_1", 32, 20),
    6: Kind("Q5_0", 32, 22),
    7: Kind("Q5_1", 32, 24),
    8: Kind("Q8_0", 32, 34),
    10: Kind("Q2_K", 256, 84),
    11: Kind("Q3_K", 256, 110),
    12: Kind("Q4_K", 256, 144),
    13: Kind("Q5_K", 256, 176),
    14: Kind("Q6_K", 256, 210),
    15: Kind("Q8_K", 256, 292),
    16: Kind("IQ2_XXS", 256, 66),
    17: Kind("IQ2_XS", 256, 74),
    18: Kind("IQ3_XXS", 256, 98),
    19: Kind("IQ1_S", 256, 50),
    20: Kind("IQ4_NL", 32, 18),
    21: Kind("IQ3_S", 256, 110),
    22: Kind("IQ2_S", 256, 82),
    23: Kind("IQ4_XS", 256, 136),
    24: Kind("I8", 1, 1),
    25: Kind("I16", 1, 2),
    26: Kind("I32", 1, 4),
    27: Kind("I64", 1, 8),
    28: Kind("F64", 1, 8),
    29: Kind("IQ1_M", 256, 56),
    30: Kind("BF16", 1, 2),
    34: Kind("TQ1_0", 256, 54),
    35: Kind("TQ2_0", 256, 66),
    39: Kind("MXFP4", 32, 17),
}
NUMBERS = {kind.name: number for number, kind in KINDS.items()}

# The type of a value of the metadata -> how `struct` reads it; text and arrays are read apart.
UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, TEXT, ARRAY, UINT64, INT64, FLOAT64 = range(13)
FORMATS = {UINT8: "B", INT8: "b", UINT16: "H", INT16: "h", UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "?"}
FORMATS |= {UINT64: "Q", INT64: "q", FLOAT64: "d"}


class Entry(NamedTuple):
    """A tensor of the file: its type, its shape with the dimension that varies fastest last, and where its bytes lie."""

    kind: Kind
    shape: tuple[int, ...]
    offset: int
    nbytes: int


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says before its tensors.

    metadata: key -> number, truth value, text, or a list of these. tensors: name -> where it lies, in the order of the file.
    """

    path: Path
    version: int
    alignment: int
    metadata: dict[str, Any] = field(repr=False)
    tensors: dict[str, Entry] = field(repr=False)

    @property
    def architecture(self) -> str:
        """The model's architecture, by which keys of the metadata begin; "" where the file does not say it."""
        name = self.metadata.get("general.architecture")
        return name if isinstance(name, str) else ""


def read_header(path: str | os.PathLike[str], longest_list: int | None = None) -> GgufHeader:
    """Read and check the header of a GGUF file, version 2 or 3.

    Args:
        longest_list: longer lists of values are passed over, and are not in the metadata; None: none is.

    Raises:
        CorruptFile: it is no such file, was cut short, or says what cannot be; the message tells what and where.
    """
    path = Path(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        begin = file.read(8)
        if len(begin) < 8 or begin[:4] != MAGIC:
            raise CorruptFile(f"{path} {_other(begin, size)}")
        _check_version(path, struct.unpack("<I", begin[4:])[0])
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Cursor(path, data, size, longest_list).header(struct.unpack("<I", begin[4:])[0])


def _other(begin: bytes, size: int) -> str:
    """What a file that begins like this is instead."""
    if not size:
        return "is empty (0 bytes): an interrupted copy or download? Fetch it again"
    if b"version ".startswith(begin[:8]):
        return "is a Git-LFS pointer, not the weights: run `git lfs pull`"
    if begin[:4] in (b"ggml", b"tjgg", b"fmgg", b"lmgg"):
        return "is a GGML file, the format before GGUF, which today's programs do not read: get the model as GGUF"
    return f"is no GGUF file: it begins with {begin!r}, expected {MAGIC!r} and a version"


def _check_version(path: Path, version: int) -> None:
    if version in VERSIONS:
        return
    if int.from_bytes(version.to_bytes(4, "big"), "little") in VERSIONS:
        raise CorruptFile(
            f"{path} was written on a big-endian machine; only little-endian GGUF files are read. Convert it"
            " (gguf-convert-endian of the package gguf), or get the usual file"
        )
    raise CorruptFile(f"{path} is GGUF of version {version}; versions {' and '.join(map(str, VERSIONS))} are read")


class _Cursor:
    """A place in the file; whatever is read there lies inside of it."""

    def __init__(self, path: Path, data: mmap.mmap, size: int, longest: int | None) -> None:
        self.path, self.data, self.size, self.at = path, data, size, 8
        self.longest = size if longest is None else longest

    def header(self, version: int) -> GgufHeader:
        tensor_count, pair_count = self.numbers("QQ")
        self.fits(pair_count, 8 + 4 + 1, "pairs of metadata")
        self.fits(tensor_count, 8 + 4 + 4 + 8, "tensors")
        metadata: dict[str, Any] = {}
        for _ in range(pair_count):
            key = self.name("key of the metadata")
            if key in metadata:
                raise self.problem(f"the metadata holds the key {key!r:.80} twice")
            if (value := self.value(self.numbers("I")[0], key)) is not None:
                metadata[key] = value
        alignment = metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or not 0 < alignment <= LARGEST_ALIGNMENT or alignment & (alignment - 1):
            raise self.problem(f"general.alignment is {alignment!r:.40}; expected a power of two up to {LARGEST_ALIGNMENT}")
        places: dict[str, tuple[Kind, tuple[int, ...], int]] = {}
        for _ in range(tensor_count):
            name = self.name("name of a tensor")
            if name in places:
                raise self.problem(f"two tensors are named {name!r:.80}")
            places[name] = self.place(name)
        start = -(-self.at // alignment) * alignment
        tensors = {name: self.entry(name, *place, start, alignment) for name, place in places.items()}
        self.check_neighbours(tensors, start, alignment)
        return GgufHeader(self.path, version, alignment, metadata, tensors)

    def problem(self, what: str) -> CorruptFile:
        return CorruptFile(f"{self.path}: {what}: the file is damaged or was not written as GGUF")

    def fits(self, count: int, width: int, what: str) -> None:
        """Refuse `count` things of at least `width` bytes each, of which the rest of the file has no room."""
        if count > (self.size - self.at) // width:
            raise self.problem(f"{count} {what} are announced at byte {self.at}, and the whole file has {self.size} bytes")

    def numbers(self, format: str) -> tuple[Any, ...]:
        width = struct.calcsize(f"<{format}")
        if self.at + width > self.size:
            raise CorruptFile(f"{self.path} was cut short inside its header, after {self.size} bytes. Fetch it again")
        self.at += width
        return struct.unpack_from(f"<{format}", self.data, self.at - width)

    def raw_text(self, limit: int | None = None, what: str = "text") -> bytes:
        [length] = self.numbers("Q")
        if limit is not None and length > limit:
            raise self.problem(f"a {what} at byte {self.at} has {length} bytes; expected at most {limit}")
        if length > self.size - self.at:
            raise self.problem(f"a {what} of {length} bytes begins at byte {self.at}, and the whole file has {self.size}")
        self.at += length
        return self.data[self.at - length : self.at]

    def name(self, what: str) -> str:
        raw = self.raw_text(LONGEST_NAME, what)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.problem(f"a {what} is not UTF-8 text ({error})") from error

    def value(self, kind: int, key: str, depth: int = 0) -> Any:
        """The value that follows; None for a list that is passed over."""
        if kind in FORMATS:
            return self.numbers(FORMATS[kind])[0]
        if kind == TEXT:
            return self.raw_text().decode("utf-8", "replace")
        if kind != ARRAY:
            raise self.problem(f"the value of {key!r:.80} has the type {kind}; known are 0 to {max(FORMATS)}")
        inner, count = self.numbers("IQ")
        if depth >= DEEPEST_ARRAY:
            raise self.problem(f"the value of {key!r:.80} is an array of arrays, more than {DEEPEST_ARRAY} deep")
        if inner in FORMATS:
            self.fits(count, struct.calcsize(f"<{FORMATS[inner]}"), f"values of {key!r:.80}")
            if count > self.longest:
                self.at += count * struct.calcsize(f"<{FORMATS[inner]}")
                return None
            return list(self.numbers(f"{count}{FORMATS[inner]}"))
        self.fits(count, 12 if inner == ARRAY else 8, f"values of {key!r:.80}")
        if inner == TEXT:
            return self.texts(count)
        return [self.value(inner, key, depth + 1) for _ in range(count)]

    def texts(self, count: int) -> list[str] | None:
        """`count` texts, one after another, or None if these are too many; a vocabulary has hundreds of thousands."""
        texts: list[str] = []
        data, at, read, keep = self.data, self.at, struct.Struct("<Q").unpack_from, count <= self.longest
        for _ in range(count):
            end = at + 8 + read(data, at)[0] if at + 8 <= self.size else self.size + 1
            if end > self.size:
                self.at = at
                raise self.problem(f"a text of a list at byte {at} does not end in the file, which has {self.size}")
            if keep:
                texts.append(data[at + 8 : end].decode("utf-8", "replace"))
            at = end
        self.at = at
        return texts if keep else None

    def place(self, name: str) -> tuple[Kind, tuple[int, ...], int]:
        """Type, shape and offset of the tensor `name`, as they stand in the file."""
        [count] = self.numbers("I")
        if count > MOST_DIMENSIONS:
            raise self.problem(f"the tensor {name!r:.80} has {count} dimensions; expected at most {MOST_DIMENSIONS}")
        shape = tuple(reversed(self.numbers(f"{count}Q")))
        number, offset = self.numbers("IQ")
        if number not in KINDS:
            known = ", ".join(f"{kind.name} ({each})" for each, kind in KINDS.items())
            raise CorruptFile(
                f"{self.path}: the tensor {name!r:.80} is of the type {number}, which is not known here. Known are {known}"
            )
        return KINDS[number], shape, offset

    def entry(self, name: str, kind: Kind, shape: tuple[int, ...], offset: int, start: int, alignment: int) -> Entry:
        row = shape[-1] if shape else 1
        if row % kind.block:
            raise self.problem(
                f"the tensor {name!r:.80} has rows of {row} numbers, and {kind.name} holds them in blocks of {kind.block}"
            )
        if offset % alignment:
            raise self.problem(f"the tensor {name!r:.80} starts at {offset}, no multiple of the alignment {alignment}")
        nbytes = math.prod(shape) // kind.block * kind.nbytes
        if offset + nbytes > max(self.size - start, 0):
            raise CorruptFile(
                f"{self.path} was cut short, or lies: the tensor {name!r:.80} of shape {list(shape)} in {kind.name} ends at"
                f" byte {start + offset + nbytes}, the file has {self.size}. Fetch it again"
            )
        return Entry(kind, shape, start + offset, nbytes)

    def check_neighbours(self, tensors: dict[str, Entry], start: int, alignment: int) -> None:
        """Refuse tensors that share bytes, or leave some out: the type or the shape of one of them is another."""
        end, before = start, ""
        for name, entry in sorted(tensors.items(), key=lambda item: (item[1].offset, item[1].nbytes)):
            if entry.offset < end:
                raise self.problem(f"the tensors {before!r:.80} and {name!r:.80} share bytes of the file")
            if before and entry.offset - end >= alignment:
                kind, shape = tensors[before].kind.name, list(tensors[before].shape)
                raise self.problem(
                    f"{entry.offset - end} bytes lie between the end of {before!r:.80}, by its type {kind} and shape {shape},"
                    f" and {name!r:.80}; expected less than {alignment}"
                )
            end, before = entry.offset + entry.nbytes, name


def read_numbers(header: GgufHeader, name: str) -> list[float]:
    """The numbers of a small tensor of float32.

    Raises:
        CorruptFile: it is of another type, or not small.
    """
    entry = header.tensors[name]
    if entry.kind.name != "F32" or entry.nbytes > 2**16:
        raise CorruptFile(f"{header.path}: {name} is {entry.kind.name} of {entry.nbytes} bytes; expected a few numbers in F32")
    with open(header.path, "rb") as file:
        file.seek(entry.offset)
        return list(struct.unpack(f"<{entry.nbytes // 4}f", file.read(entry.nbytes)))


def kind_named(name: str) -> Kind:
    """The type of this name, as `Q4_K`.

    Raises:
        CorruptFile: there is none; names the nearest.
    """
    if name not in NUMBERS:
        raise CorruptFile(f"there is no GGUF type {name!r:.40}.{did_you_mean(name, NUMBERS)} Known are {', '.join(NUMBERS)}")
    return KINDS[NUMBERS[name]]
