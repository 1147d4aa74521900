"""Which files the code of a checkpoint is, and what no name and no import in it may lead to."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bestiary.core.errors import CorruptFile, FileMissing, UnsafeFile
from bestiary.hub.code.files import MOST_BYTES, MOST_FILES, ClassReference, class_named_for, code_of, relative_imports
from bestiary.hub.options import HubOptions


def write(folder: Path, files: dict[str, str], entry: Any = "a.A", name: str = "config.json") -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"auto_map": {"AutoModel": entry}}))
    return folder


def paths(folder: Path) -> list[str]:
    return sorted(code_of(folder, HubOptions(), None).parts[""].files)


@pytest.mark.parametrize(
    ("text", "repository", "file", "name"),
    [
        ("modeling.Model", "", "modeling.py", "Model"),
        ("sub/modeling-2.Model", "", "sub/modeling-2.py", "Model"),
        ("org/name-1.5--modeling.Model", "org/name-1.5", "modeling.py", "Model"),
        ("here--modeling.Model", "", "modeling.py", "Model"),
    ],
)
def test_references(text: str, repository: str, file: str, name: str) -> None:
    reference = ClassReference.read(text, "here")
    assert (reference.repository, reference.file, reference.name) == (repository, file, name)
    assert ClassReference.read(str(reference), "here") == reference


@pytest.mark.parametrize(
    "text",
    [
        "../../x.y",
        "../x.Y",
        "/etc/x.Y",
        "a/../../x.Y",
        "a//b.Y",
        "C:\\x.Y",
        "..\\x.Y",
        "/abs--x.Y",
        "../up--x.Y",
        "a/b/c--x.Y",
        "os.path.join",
        "modeling",
        ".Model",
        "modeling.",
        "modeling.1",
        "model ing.Model",
        "modeling.Model\n",
        "",
        None,
        3,
        ["a.A"],
        "~/x.Y",
        "-m.Y",
    ],
)
def test_what_is_no_reference(tmp_path: Path, text: Any) -> None:
    with pytest.raises(UnsafeFile, match="for a class of its code; expected 'module.Class'"):
        ClassReference.read(text, str(tmp_path))


def test_the_code_is_what_settings_name_and_what_that_imports(tmp_path: Path) -> None:
    files = {
        "a.py": "from .b import (\n    x,  # why not\n    y,\n)\nfrom . import c, nothing\nimport os, e\n"
        "try: from .sub.deep import z\nexcept E: pass",
        "b.py": "def f():\n    from .d \\\n        import g",
        "c.py": "x = 1; from .a import A  # a circle",
        "d.py": "",
        "e.py": "of no concern: that is another package",
        "sub/__init__.py": "from .more import *",
        "sub/deep.py": "from .. import f as ff\nfrom ..g.h import i",
        "sub/more.py": "",
        "f.py": "",
        "g/h/__init__.py": "",
        "tok.py": "",
        "pipe.py": "",
        "custom_generate/generate.py": "from .helper import h",
        "custom_generate/helper.py": "",
        "train.py": "from .a import A",
        "__init__.py": "",
    }
    write(tmp_path, files)
    values = {"auto_map": {"AutoConfig": "a.C"}, "custom_pipelines": {"task": {"impl": "pipe.P"}}}
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": ["tok.Slow", None]}))
    (tmp_path / "processor_config.json").write_text(
        json.dumps({"image_processor": {"auto_map": {"AutoImageProcessor": "g/h/i.I"}}})
    )
    (tmp_path / "g" / "h" / "i.py").write_text("")
    assert paths(tmp_path) == sorted({*files, "g/h/i.py"} - {"e.py", "train.py", "__init__.py"})


def test_the_digest_is_that_of_the_lines_of_sha256sum(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "from .b import B", "b.py": "B = 1"})
    lines = "".join(f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n" for name in ("a.py", "b.py"))
    assert code_of(tmp_path, HubOptions(), None).digest == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("text", ["from ..x import y", "from ... import y", "from ..sub.x import *"])
def test_an_import_from_above_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnsafeFile, match=r"imports from '\.\..*', above its repository"):
        code_of(write(tmp_path / "inner", {"a.py": text}), HubOptions(), None)


def test_a_link_to_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("")
    write(tmp_path / "x", {})
    os.symlink(tmp_path / "secret.py", tmp_path / "x" / "a.py")
    with pytest.raises(UnsafeFile, match=r"a.py is a link to .*secret.py, outside of the folder"):
        code_of(tmp_path / "x", HubOptions(), None)
    os.unlink(tmp_path / "x" / "a.py")
    os.symlink(tmp_path, tmp_path / "x" / "sub")
    with pytest.raises(UnsafeFile, match="outside of the folder"):
        code_of(write(tmp_path / "x", {}, "sub/secret.A"), HubOptions(), None)


def test_a_link_within_the_cache_of_the_hub_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "models--org--x" / "snapshots" / ("0" * 40)
    write(folder, {})
    (tmp_path / "models--org--x" / "blobs").mkdir()
    (tmp_path / "models--org--x" / "blobs" / "1234").write_text("A = 1")
    os.symlink("../../blobs/1234", folder / "a.py")
    assert code_of(folder, HubOptions(), None).parts[""].files == {"a.py": b"A = 1"}


def test_what_is_too_large_or_too_much_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "#" * (MOST_BYTES + 1)})
    with pytest.raises(CorruptFile, match="more than 2,097,152 bytes"):
        code_of(tmp_path, HubOptions(), None)
    names = [f"m{index}" for index in range(MOST_FILES + 1)]
    write(tmp_path, {"a.py": f"from . import {', '.join(names)}", **{f"{name}.py": "" for name in names}})
    with pytest.raises(CorruptFile, match="more than 256 files"):
        code_of(tmp_path, HubOptions(), None)


@pytest.mark.parametrize(
    "text", ["from . import (" * 9999, "from " + "." * 10**6, "from .a" + "a." * 10**6, "from . import \\\n" * 9999]
)
def test_texts_made_to_be_slow_are_not(text: str) -> None:
    assert len(list(relative_imports(text.encode()))) <= 9999


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"names code in os.py, and there is no such file"):
        code_of(write(tmp_path, {}, "os.system"), HubOptions(), None)


def test_of_several_classes_one_is_taken() -> None:
    both = {"auto_map": {"AutoTokenizer": ["t.Slow", "t.Fast"], "AutoImageProcessor": ["i.Slow", "i.Fast"]}}
    for values, name in ((both, "t.Fast"), ({"auto_map": ["t.Slow", None]}, "t.Slow")):
        assert str(class_named_for(values, "AutoTokenizer", "x")) == name
    assert str(class_named_for(both, "AutoImageProcessor", "x")) == "i.Slow"
    for values in ({}, None, {"auto_map": None}, {"auto_map": {"AutoTokenizer": [None, None]}}, {"auto_map": 3}):
        assert class_named_for(values, "AutoTokenizer", "x") is None


def test_code_on_the_hub_is_of_one_commit(hub: Any) -> None:
    settings = json.dumps({"auto_map": {"AutoModel": "a.A", "AutoConfig": "org/other--c.C"}}).encode()
    older = {"config.json": settings, "a.py": b"from .b import B", "b.py": b"B = 1"}
    repo = hub.add("org/code", older)
    first = repo.refs["main"]
    repo.commit({**older, "b.py": b"B = 2"})
    other = hub.add("org/other", {"c.py": b"old"})
    other.commit({"c.py": b"new"}, branch="next")
    assert code_of("org/code", HubOptions(revision=first), None).parts[""].files["b.py"] == b"B = 1"
    code = code_of("org/code", HubOptions(), None)
    assert code.parts[""].files["b.py"] == b"B = 2"
    assert code.parts["org/other"].files == {"c.py": b"old"}
    assert [line.split()[1] for line in code.lines()] == ["a.py", "b.py", "org/other--c.py"]
    hub.repos["org/code"].refs["next"] = first
    newer = code_of("org/code", HubOptions(), "next")
    assert (newer.parts[""].files["b.py"], newer.parts["org/other"].files["c.py"]) == (b"B = 1", b"new")
