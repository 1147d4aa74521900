"""Atomic writes: a failure leaves the old file and nothing else."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bestiary.core.errors import ArgumentError, CorruptFile, SaveError
from bestiary.core.files import folder_to_fill, read_json, replacing, write_json, write_text


def test_json_round_trip(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "a.json", {"b": ["é", 1]})
    assert read_json(tmp_path / "new" / "a.json") == {"b": ["é", 1]}


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt(), RuntimeError("broken")])
def test_a_failed_write_keeps_the_old_file(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    kind = SaveError if isinstance(failure, OSError) else type(failure)

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(kind):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_put_an_end_to(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(SaveError, match=kind):
        write_text(path, "new")
    assert not path.is_file()
    assert os.listdir(tmp_path) == ["a"]


def test_disk_full_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_text(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SaveError, match="the disk is full"):
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_what_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"a\.json"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("folder", [None, "", 5, b"bytes", [], True], ids=str)
def test_what_is_no_folder(folder: Any) -> None:
    with pytest.raises(ArgumentError, match="needs the path of a folder; found"):
        folder_to_fill(folder)


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "x")
    for name in ("file", "file/x", "loop", "dangling", "x" * 300, "a\0b"):
        with pytest.raises(SaveError, match="nothing was written"):
            folder_to_fill(tmp_path / name)
    with pytest.raises(SaveError, match="'/proc/x'"):
        folder_to_fill("/proc/x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file", "loop"]


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert folder_to_fill("~/a/b") == tmp_path / "a" / "b"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
