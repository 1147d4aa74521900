"""`pytorch_model.bin`: today's and the older form, files that lie, and files that would run code."""

import os
import pickle
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


def saved(value: object, **kwargs: object):
    return lambda path: torch.save(value, path, **kwargs)


def pickled(value: object):
    return lambda path: path.write_bytes(pickle.dumps(value, protocol=2))


def cut(path):
    torch.save({"a": torch.randn(100)}, path)
    path.write_bytes(path.read_bytes()[:-50])


HOSTILE = {
    "call in a zip": (saved({"a": Evil()}), UnsafeFile, r"asks to call '(posix|nt)\.system'"),
    "call in the older form": (
        saved({"a": Evil()}, _use_new_zipfile_serialization=False),
        UnsafeFile,
        r"asks to call '(posix|nt)\.system'",
    ),
    "call in a plain pickle": (pickled({"a": Evil()}), UnsafeFile, r"asks to call '(posix|nt)\.system'"),
    "a function outside of torch": (saved({"a": Global()}), UnsafeFile, "asks to call"),
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


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_file_is_told_and_runs_nothing(tmp_path, monkeypatch, name):
    make, error, message = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pytorch_model.bin"
    make(path)
    with pytest.raises(error, match=message):
        TorchFile(path)
    assert os.listdir(tmp_path) == ["pytorch_model.bin"]
