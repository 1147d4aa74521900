"""The safetensors reader and writer against the `safetensors` package, and against files that lie."""

import json
import struct

import pytest
import safetensors.torch
import torch

from bestiary.core.errors import CorruptFile
from bestiary.loading.formats import safetensors as ours


def file_of(header: object, data: bytes = b"") -> bytes:
    """A file with this header, true or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 548105171\n"
GOOD = file_of({"a": entry()}, b"\0" * 8)
HOSTILE = {
    "empty": (b"", "is empty"),
    "few bytes": (b"\x08\0\0", "3 bytes long"),
    "never filled": (b"\0" * 4096, "reserved but never filled"),
    "git pointer": (POINTER, r"Git-LFS pointer .* not the weights \(548105171 bytes\): run `git lfs pull`"),
    "web page": (b"<!DOCTYPE html><html>not found</html>", "is a web page"),
    "zip": (b"PK\x03\x04" + b"\x07" * 60, "is a zip file"),
    "pickle": (b"\x80\x04\x95\x10\x01\x01\x01\x01" + b"\0" * 60, "is a pickle"),
    "header too large": (struct.pack("<Q", 2**40) + b"{}", "more than the 100000000 allowed"),
    "cut in the header": (GOOD[:20], "cut short inside its header"),
    "cut in the middle": (GOOD[:-5], rf"cut short .*: {len(GOOD) - 5} bytes long, its header describes {len(GOOD)}"),
    "cut at the last byte": (GOOD[:-1], "cut short"),
    "extra bytes": (GOOD + b"x", "has bytes of no tensor"),
    "no json": (file_of(b"{not json}"), "header is not JSON"),
    "no text": (file_of(b"\xff\xfe{}"), "header is not JSON"),
    "deep": (file_of(b'{"a":' * 100_000), "header is not JSON"),
    "huge number": (file_of(b'{"a":' + b"9" * 10_000 + b"}"), "header is not JSON"),
    "a list": (file_of([1, 2]), "header is a list"),
    "key twice": (file_of(b'{"a":{},"a":{}}'), "names 'a' twice"),
    "metadata": (file_of({"__metadata__": {"a": 1}}), "__metadata__ must map texts to texts"),
    "entry": (file_of({"a": 3}), "entry for 'a' must hold exactly"),
    "dtype": (file_of({"a": entry("F31")}, b"\0" * 8), "unknown dtype 'F31'"),
    "dtype not text": (file_of({"a": entry(["F32"])}, b"\0" * 8), "unknown dtype"),
    "negative shape": (file_of({"a": entry(shape=[-2])}, b"\0" * 8), "not whole numbers"),
    "true as a size": (file_of({"a": entry(shape=[True, 2])}, b"\0" * 8), "not whole numbers"),
    "float offsets": (file_of({"a": entry(offsets=[0, 8.0])}, b"\0" * 8), "not whole numbers"),
    "one offset": (file_of({"a": entry(offsets=[0])}, b"\0" * 8), "not whole numbers"),
    "absurd shape": (file_of({"a": entry(shape=[2**62, 2**62])}, b"\0" * 8), "needs .* bytes, but its data_offsets"),
    "size lies": (file_of({"a": entry(shape=[3])}, b"\0" * 8), r"shape \[3\] and dtype F32 needs 12 bytes"),
    "backwards": (file_of({"a": entry(offsets=[8, 0])}, b"\0" * 8), "data_offsets"),
    "overlap": (file_of({"a": entry(), "b": entry(offsets=(4, 12))}, b"\0" * 12), "'b' starts at byte 4, not 8: it overlaps"),
    "same place": (file_of({"a": entry(), "b": entry()}, b"\0" * 8), "overlaps"),
    "hole": (file_of({"a": entry(), "b": entry(offsets=(12, 20))}, b"\0" * 20), "leaves a hole"),
    "beyond the end": (file_of({"a": entry(offsets=(800, 808))}, b"\0" * 8), "leaves a hole"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_file_is_told_with_its_own_message(tmp_path, name):
    content, message = HOSTILE[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=message) as caught:
        ours.SafetensorsFile(path)
    assert str(path) in str(caught.value)


def samples() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    values = {f"{name}.weight": torch.randint(0, 2, (3, 5)).to(dtype) for name, dtype in ours.DTYPES.items()}
    return {**values, "scalar": torch.tensor(1.5), "nothing": torch.empty(0, 7), "odd": torch.arange(3, dtype=torch.uint8)}


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def test_we_read_what_the_package_writes(tmp_path):
    values = samples()
    safetensors.torch.save_file(values, tmp_path / "x.safetensors", metadata={"format": "pt"})
    file = ours.SafetensorsFile(tmp_path / "x.safetensors")
    assert file.metadata == {"format": "pt"}
    assert file.infos.keys() == values.keys()
    for key, value in values.items():
        found = file.tensor(key)
        assert (found.dtype, found.shape, raw(found)) == (value.dtype, value.shape, raw(value))


def test_the_package_reads_what_we_write(tmp_path):
    values = samples()
    values["strided"] = torch.arange(12.0).view(3, 4).t()
    ours.write(tmp_path / "x.safetensors", values, values.__getitem__, {"format": "pt"})
    found = safetensors.torch.load_file(tmp_path / "x.safetensors")
    assert found.keys() == values.keys()
    for key, value in values.items():
        assert (found[key].dtype, found[key].shape, raw(found[key])) == (value.dtype, value.shape, raw(value))


def test_tensors_that_are_not_aligned_are_copied(tmp_path):
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    header += b" " * ((-len(header)) % 8 + 1)
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.5, -2.0))
    tensor = ours.SafetensorsFile(tmp_path / "x").tensor("a")
    assert tensor.tolist() == [1.5, -2.0]
    assert tensor.data_ptr() % 4 == 0


def test_tensors_are_mapped_and_writing_to_them_leaves_the_file_alone(tmp_path):
    path = tmp_path / "x.safetensors"
    values = {"a": torch.zeros(4096), "b": torch.ones(4096)}
    ours.write(path, values, values.__getitem__, {})
    before = path.read_bytes()
    file = ours.SafetensorsFile(path)
    tensor = file.tensor("a")
    assert file.tensor("a").data_ptr() == tensor.data_ptr()
    tensor.fill_(7.0)
    assert path.read_bytes() == before
    file.drop("b")
    assert torch.equal(file.tensor("b"), values["b"])


def test_names_in_any_script(tmp_path):
    values = {"слой.0": torch.ones(1), 'quote".x': torch.zeros(1)}
    ours.write(tmp_path / "x", values, values.__getitem__, {})
    assert safetensors.torch.load_file(tmp_path / "x").keys() == values.keys()
    assert ours.SafetensorsFile(tmp_path / "x").infos.keys() == values.keys()
