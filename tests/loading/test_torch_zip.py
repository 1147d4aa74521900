"""`pytorch_model.bin`: today's and the older form, files that lie, and files that would run code."""

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from bestiary.core.errors import CorruptFile, UnsafeFile
from bestiary.loading.formats.torch_zip import TorchFile, write


class Evil:
    """Calls `os.system` when it is unpickled the ordinary way."""

    def __reduce__(self):
        return os.system, ("touch gotcha",)


class Global:
    """Imports a harmless class by name."""

    def __reduce__(self):
        return OrderedDict.fromkeys, ([1],)


@pytest.mark.parametrize("zipped", [True, False])
def test_both_forms_are_read(tmp_path, zipped):
    values = {
        "a": torch.randn(3, 4),
        "b": torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)),
        "c": torch.arange(6).view(2, 3).t(),
    }
    torch.save(OrderedDict(values), tmp_path / "x.bin", _use_new_zipfile_serialization=zipped)
    file = TorchFile(tmp_path / "x.bin")
    assert {key: (info.dtype, info.shape, info.nbytes) for key, info in file.infos.items()} == {
        "a": (torch.float32, (3, 4), 48),
        "b": (torch.bfloat16, (2,), 4),
        "c": (torch.int64, (3, 2), 48),
    }
    for key, value in values.items():
        assert torch.equal(file.tensor(key), value)
        assert file.tensor(key).is_contiguous()
        assert not file.tensor(key).requires_grad


def test_two_names_of_one_storage_become_two_tensors(tmp_path):
    whole = torch.arange(12.0)
    torch.save({"a": whole, "b": whole[3:5], "c": whole}, tmp_path / "x.bin")
    file = TorchFile(tmp_path / "x.bin")
    a, b, c = (file.tensor(key) for key in "abc")
    a.zero_()
    assert b.tolist() == [3.0, 4.0]
    assert torch.equal(c, whole)
    assert b.untyped_storage().nbytes() == 8


def test_the_map_is_given_back_and_opened_again(tmp_path, monkeypatch):
    monkeypatch.setattr("bestiary.loading.formats.torch_zip._REOPEN_AFTER", 100)
    values = {f"{i}": torch.full((64,), float(i)) for i in range(4)}
    torch.save(values, tmp_path / "x.bin")
    file = TorchFile(tmp_path / "x.bin")
    kept = file.tensor("0")
    for key in values:
        file.drop(key)
        assert torch.equal(file.tensor(key), values[key])
    assert torch.equal(kept, values["0"])


def test_what_we_write_torch_reads_and_nothing_more_is_stored(tmp_path):
    big = torch.arange(1000.0)
    values = {"part": big[:10], "turned": big.view(10, 100).t()}
    write(tmp_path / "x.bin", values, values.__getitem__)
    found = torch.load(tmp_path / "x.bin", weights_only=True)
    assert all(torch.equal(found[key], value) for key, value in values.items())
    assert found["part"].untyped_storage().nbytes() == 40


def nested():
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)


def quantized():
    return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)


def saved(value: object, **kwargs: object):
    return lambda path: torch.save(value, path, **kwargs)


def pickled(value: object):
    return lambda path: path.write_bytes(pickle.dumps(value, protocol=2))


def cut(path):
    torch.save({"a": torch.randn(100)}, path)
    path.write_bytes(path.read_bytes()[:-50])


def flipped(path, part: bytes, by: int = 0):
    """One bit turned, in the tensor or in the list of names."""
    torch.save({"weight": torch.ones(1000), "b": torch.ones(3)}, path)
    content = bytearray(path.read_bytes())
    content[content.find(part) + by] ^= 1
    path.write_bytes(content)


def compressed(path):
    torch.save({"a": torch.ones(10)}, path)
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in parts.items():
            whole.writestr(name, content)


def raw(content: bytes):
    return lambda path: path.write_bytes(content)


def zipped(pickled: bytes):
    def write(path):
        with zipfile.ZipFile(path, "w") as whole:
            whole.writestr("archive/data.pkl", pickled)
            whole.writestr("archive/version", "3")

    return write


QUIET = pytest.mark.filterwarnings(
    "ignore:Detected pickle protocol", "ignore:.*quantize", "ignore:.*nested", "ignore:TypedStorage"
)

HOSTILE = {
    "call in a zip": (saved({"a": Evil()}), UnsafeFile, r"asks to call '(posix|nt)\.system'"),
    "call in the older form": (
        saved({"a": Evil()}, _use_new_zipfile_serialization=False),
        UnsafeFile,
        r"asks to call '(posix|nt)\.system'",
    ),
    "call in a plain pickle": (pickled({"a": Evil()}), UnsafeFile, r"asks to call '(posix|nt)\.system'"),
    "a function outside of torch": (saved({"a": Global()}), UnsafeFile, "asks to call"),
    "protocol 4": (raw(pickle.dumps(Evil(), protocol=4)), UnsafeFile, r"asks to call '(posix|nt)\.system'.*as safetensors"),
    "protocol 4 in a zip": (zipped(pickle.dumps(Evil(), protocol=4)), UnsafeFile, r"asks to call '(posix|nt)\.system'"),
    "protocol 0": (raw(b"cos\nsystem\n(S'id'\ntR."), UnsafeFile, r"asks to call 'os\.system'"),
    "instance": (raw(b"(S'id'\nios\nsystem\n."), UnsafeFile, r"asks to call 'os\.system'"),
    "object": (raw(b"(cos\nsystem\nS'id'\no."), UnsafeFile, r"asks to call 'os\.system'"),
    "extension": (raw(b"\x80\x02\x82\x01."), UnsafeFile, "asks to call 'extension 1'"),
    "no call at all": (
        raw(b"\x80\x02\x8b\xff\xff\xff\x7f"),
        CorruptFile,
        "is not a file of torch.save, or is damaged; fetch it again$",
    ),
    "compressed": (compressed, CorruptFile, "compressed"),
    "sparse": (saved({"a": torch.eye(2).to_sparse()}), CorruptFile, r"'a' \(sparse_coo\)"),
    "nested": (lambda path: torch.save({"a": nested()}, path), CorruptFile, r"'a' \(nested\)"),
    "without data": (saved({"a": torch.ones(2, device="meta")}), CorruptFile, r"'a' \(on the meta device, without data\)"),
    "quantized": (lambda path: torch.save({"a": quantized()}, path), CorruptFile, r"'a' \(qint8\)"),
    "one number as terabytes": (saved({"a": torch.ones(1).expand(10**12)}), CorruptFile, "4000000000000 bytes made of 4"),
    "a bit of the names": (lambda path: flipped(path, b"weight"), CorruptFile, "is damaged: Bad CRC"),
    "empty": (lambda path: path.write_bytes(b""), CorruptFile, "is empty"),
    "pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), CorruptFile, "Git-LFS pointer"),
    "zeros": (lambda path: path.write_bytes(b"\0" * 500), CorruptFile, "not a file of torch.save|cannot be read"),
    "text": (lambda path: path.write_text("hello"), CorruptFile, "not a file of torch.save|cannot be read"),
    "cut": (cut, CorruptFile, "cannot be read by torch"),
    "a list": (saved([torch.ones(1)]), CorruptFile, "holds a list"),
    "more than tensors": (
        saved({"a": torch.ones(1), "epoch": 3, "model": {}}),
        CorruptFile,
        r"'epoch' \(int\), 'model' \(dict\)",
    ),
}


@QUIET
@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_file_is_told_and_runs_nothing(tmp_path, monkeypatch, name):
    make, error, message = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pytorch_model.bin"
    make(path)
    with pytest.raises(error, match=message):
        TorchFile(path)
    assert os.listdir(tmp_path) == ["pytorch_model.bin"]


def test_a_turned_bit_of_a_tensor_is_told_when_it_is_read(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    flipped(path, torch.ones(8).numpy().tobytes(), 5)
    file = TorchFile(path)  # headers alone do not touch the tensors
    with pytest.raises(CorruptFile, match=r"is damaged: .*data/\d has the checksum [0-9a-f]{8}, and [0-9a-f]{8} was written"):
        file.tensor("b")


@QUIET
def test_nobody_is_advised_to_trust_the_file(tmp_path):
    for name in HOSTILE:
        make, error, _ = HOSTILE[name]
        path = tmp_path / name
        make(path)
        with pytest.raises(error) as caught:
            TorchFile(path)
        assert "weights_only" not in str(caught.value) or "TorchScript" in str(caught.value)
