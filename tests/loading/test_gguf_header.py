"""GGUF headers: what the package `gguf` writes is read, and what lies is refused before anything is made of it."""

import re
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from bestiary.core.errors import CorruptFile
from bestiary.core.gguf import read_header
from bestiary.loading.gguf.file import GgufFile


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str = "a", shape: tuple[int, ...] = (4,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def whole(
    *pairs: bytes, tensors: tuple[bytes, ...] = (), data: int = 64, counts: tuple[int, int] | None = None, version: int = 3
):
    tensor_count, pair_count = counts or (len(tensors), len(pairs))
    begin = b"GGUF" + struct.pack("<IQQ", version, tensor_count, pair_count) + b"".join(pairs) + b"".join(tensors)
    return begin + b"\0" * (-len(begin) % 32) + b"\0" * data


ALIGNMENT = "general.alignment"
LIES = {
    "empty": (b"", "is empty"),
    "short": (b"GGUF", "is no GGUF file"),
    "other": (b"PK\x03\x04" + b"0" * 40, "is no GGUF file"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "Git-LFS pointer"),
    "older": (b"tjgg\x03\0\0\0", "the format before GGUF"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "version": (whole(version=9), "version 9; versions 2 and 3"),
    "version-1": (whole(version=1), "version 1; versions 2 and 3"),
    "cut-in-header": (whole()[:20], "was cut short inside its header"),
    "many-pairs": (whole(counts=(0, 2**60)), "pairs of metadata are announced"),
    "many-tensors": (whole(counts=(2**63, 0)), "tensors are announced"),
    "long-key": (
        whole(struct.pack("<Q", 2**40) + b"k" * 40, counts=(0, 1)),
        "key of the metadata at byte 32 has 1099511627776 bytes",
    ),
    "endless-key": (whole(struct.pack("<Q", 5000) + b"k" * 40, counts=(0, 1)), "key of the metadata of 5000 bytes begins"),
    "bad-key": (whole(struct.pack("<Q", 2) + b"\xff\xfe" + b"\0" * 40, counts=(0, 1)), "is not UTF-8"),
    "endless-text": (whole(pair("k", 8, struct.pack("<Q", 2**50))), "text of 1125899906842624 bytes"),
    "unknown-value": (whole(pair("k", 77, b"\0" * 16)), "the value of 'k' has the type 77"),
    "twice": (whole(pair("k", 7, b"\1"), pair("k", 7, b"\0")), "holds the key 'k' twice"),
    "huge-array": (whole(pair("k", 9, struct.pack("<IQ", 4, 2**61))), "values of 'k' are announced"),
    "huge-texts": (whole(pair("k", 9, struct.pack("<IQ", 8, 2**40))), "values of 'k' are announced"),
    "array-text": (whole(pair("k", 9, struct.pack("<IQQ", 8, 1, 2**62))), "does not end in the file"),
    "deep": (whole(pair("k", 9, b"".join(struct.pack("<IQ", 9, 1) for _ in range(9)) + b"\0" * 16)), "deep"),
    "array-kind": (whole(pair("k", 9, struct.pack("<IQ", 99, 1) + b"\0" * 16)), "has the type 99"),
    "alignment-0": (whole(pair(ALIGNMENT, 4, struct.pack("<I", 0))), "general.alignment is 0"),
    "alignment-odd": (whole(pair(ALIGNMENT, 4, struct.pack("<I", 24))), "general.alignment is 24"),
    "alignment-huge": (whole(pair(ALIGNMENT, 10, struct.pack("<Q", 2**62))), "general.alignment is"),
    "alignment-text": (whole(pair(ALIGNMENT, 8, text("x"))), "general.alignment is 'x'"),
    "unknown-type": (whole(tensors=(tensor(kind=200),)), "is of the type 200, which is not known here"),
    "removed-type": (whole(tensors=(tensor(kind=4),)), "is of the type 4"),
    "dimensions": (whole(tensors=(tensor(shape=(1,) * 99),)), "has 99 dimensions"),
    "same-name": (whole(tensors=(tensor(), tensor(offset=32))), "two tensors are named 'a'"),
    "huge-shape": (whole(tensors=(tensor(shape=(2**60, 2**60)),)), "ends at byte"),
    "beyond": (whole(tensors=(tensor(offset=2**40),)), "ends at byte"),
    "cut-in-data": (whole(tensors=(tensor(shape=(64,)),)), "was cut short, or lies"),
    "no-blocks": (whole(tensors=(tensor(shape=(33,), kind=8),)), "rows of 33 numbers, and Q8_0 holds them in blocks of 32"),
    "scalar-blocks": (whole(tensors=(tensor(shape=(), kind=8),)), "rows of 1 numbers"),
    "unaligned": (whole(tensors=(tensor(offset=4),)), "no multiple of the alignment 32"),
    "smaller-type": (
        whole(tensors=(tensor("a", (64,), kind=8), tensor("b", (4,), offset=256)), data=320),
        "188 bytes lie between the end of 'a', by its type Q8_0",
    ),
    "overlap": (whole(tensors=(tensor("a", (16,)), tensor("b", (4,), offset=32))), "'a' and 'b' share bytes"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused_in_words(name, tmp_path):
    data, message = LIES[name]
    (tmp_path / "x.gguf").write_bytes(data)
    with pytest.raises(CorruptFile, match=re.escape(message)):
        read_header(tmp_path / "x.gguf")


def test_a_file_cut_anywhere_is_refused_or_has_all_its_tensors(tmp_path):
    data = whole(pair("k", 8, text("value")), tensors=(tensor(shape=(8,)),), data=32)
    for length in range(len(data)):
        (tmp_path / "x.gguf").write_bytes(data[:length])
        with pytest.raises(CorruptFile):
            read_header(tmp_path / "x.gguf")
    (tmp_path / "x.gguf").write_bytes(data)
    assert list(read_header(tmp_path / "x.gguf").tensors) == ["a"]


def test_damaged_bytes_never_bring_another_error(tmp_path):
    data = bytearray(whole(pair("k", 9, struct.pack("<IQ", 8, 2) + text("ab") + text("c")), tensors=(tensor(shape=(8,)),)))
    random = np.random.default_rng(0)
    for _ in range(600):
        damaged = bytearray(data)
        for place in random.integers(8, len(data) - 64, 3):
            damaged[place] = random.integers(0, 256)
        (tmp_path / "x.gguf").write_bytes(damaged)
        try:
            read_header(tmp_path / "x.gguf")
        except CorruptFile:
            continue


def written_by_the_package(path: Path) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    tensors = {
        "plain": random.standard_normal((3, 5)).astype(np.float32),
        "wide": random.standard_normal((2, 64)).astype(np.float32),
    }
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("a name")
    writer.add_context_length(7)
    writer.add_layer_norm_rms_eps(0.5)
    writer.add_causal_attention(False)
    writer.add_array("list.texts", ["one", "zwei"])
    writer.add_array("list.numbers", [1, -2, 3])
    writer.add_array("list.floats", [0.5, 2.0])
    writer.add_tensor("plain", tensors["plain"])
    writer.add_tensor("half", tensors["plain"].astype(np.float16))
    packed = gguf.quants.quantize(tensors["wide"], gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("wide", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {**tensors, "wide": gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)}


def test_what_the_package_writes_is_read(tmp_path):
    expected = written_by_the_package(tmp_path / "x.gguf")
    file = GgufFile(tmp_path / "x.gguf")
    metadata = file.header.metadata
    assert file.header.architecture == "llama"
    assert (metadata["general.name"], metadata["llama.context_length"]) == ("a name", 7)
    assert (metadata["llama.attention.layer_norm_rms_epsilon"], metadata["llama.attention.causal"]) == (0.5, False)
    assert metadata["list.texts"] == ["one", "zwei"]
    assert (metadata["list.numbers"], metadata["list.floats"]) == ([1, -2, 3], [0.5, 2.0])
    assert torch.equal(file.tensor("plain"), torch.from_numpy(expected["plain"]))
    assert torch.equal(file.tensor("half"), torch.from_numpy(expected["plain"]).half())
    assert torch.equal(file.tensor("wide"), torch.from_numpy(expected["wide"]))
    assert {name: (info.dtype, info.shape, info.nbytes) for name, info in file.infos.items()} == {
        "plain": (torch.float32, (3, 5), 60),
        "half": (torch.float16, (3, 5), 30),
        "wide": (torch.float32, (2, 64), 512),
    }


def test_writing_to_a_tensor_never_changes_the_file(tmp_path):
    written_by_the_package(tmp_path / "x.gguf")
    before = (tmp_path / "x.gguf").read_bytes()
    file = GgufFile(tmp_path / "x.gguf")
    file.tensor("plain").zero_()
    file.raw("wide").zero_()
    file.drop("wide")
    assert (tmp_path / "x.gguf").read_bytes() == before
