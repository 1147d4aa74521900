"""Code that is allowed becomes modules: the bytes that were read run, and what they import is what it should be."""

import sys
from pathlib import Path

import pytest

from bestiary.core.errors import CorruptFile, MissingDependency, UnknownName, UnsafeFile
from bestiary.hub.code.files import CodeFiles
from bestiary.hub.code.modules import attribute_of


@pytest.fixture(autouse=True)
def modules_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path))


def run(name: str, **files: str) -> object:
    return attribute_of(
        CodeFiles("", {f"{path.replace('__', '/')}.py": text.encode() for path, text in files.items()}), "a.py", name
    )


def test_imports_between_files_and_folders() -> None:
    assert run("x", a="from .b.c import x", b__c="from ..d import x", d="x = 7") == 7


def test_a_circle_is_what_it_is_in_python() -> None:
    assert run("x", a="from . import b\nx = b.f()", b="from . import a\ndef f(): return a.__name__.split('.')[-1]") == "a"
    with pytest.raises(ImportError, match="partially initialized module"):
        run("x", a="from .b import y\nx = 1", b="from .a import x\ny = 2")


def test_what_runs_is_what_was_read(tmp_path: Path) -> None:
    code = CodeFiles("", {"a.py": b"from .b import x", "b.py": b"x = 'read'"})
    for path, content in {"a.py": b"from .b import x", "b.py": b"x = 'changed since'"}.items():
        (tmp_path / path).write_bytes(content)
    assert attribute_of(code, "a.py", "x") == "read"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(UnsafeFile, match="a.py of the checkpoint has no 'system'"):
        run("system", a="from os import path")


@pytest.mark.parametrize("text", ["def", "x = '\0'", "(" * 5000, "  x", "# -*- coding: no-such -*-"])
def test_what_is_not_python(text: str) -> None:
    with pytest.raises(CorruptFile, match="a.py is not Python"):
        run("x", a=text)


def test_an_error_of_the_code_says_whose_it_is() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        run("x", a="1 / 0")
    assert "while running a.py of the checkpoint" in raised.value.__notes__[0]
    with pytest.raises(ZeroDivisionError):  # and it is tried anew
        run("x", a="1 / 0")


def test_packages_that_are_missing_are_named_together() -> None:
    with pytest.raises(
        MissingDependency, match="not installed: nobody_has_it, nor_that. Try: pip install nobody_has_it nor_that"
    ):
        run(
            "x",
            a="import nor_that.part\nfrom .b import x\ntry:\n    import or_this\nexcept ImportError: pass",
            b="def f():\n    from nobody_has_it import y\nif is_flash_attn_2_available():\n    import flash\n"
            "import numpy, transformers",
        )


def test_transformers_is_this_library_whatever_is_imported() -> None:
    theirs = sys.modules.get("transformers")
    code = (
        "import transformers, transformers.utils.logging\nfrom transformers import *\nimport transformers.modeling_utils as m\n"
        "from transformers.models.bert.modeling_bert import BertModel\nfrom transformers import utils, __version__\n"
        "def later():\n    from transformers import GPT2Config\n    return GPT2Config\n"
        "x = [transformers.BertModel, BertConfig, m.PreTrainedModel, BertModel, transformers.utils.logging.get_logger]\n"
        "x.append(later())\n"
    )
    kinds = run("x", a=code)
    assert isinstance(kinds, list)
    assert {kind.__module__.split(".")[0] for kind in kinds} == {"bestiary"}
    assert sys.modules.get("transformers") is theirs


def test_what_this_library_lacks_is_told() -> None:
    with pytest.raises(UnknownName, match="has no 'NothingLikeIt' in transformers"):
        run("x", a="from transformers import NothingLikeIt")
    with pytest.raises(UnknownName, match="has no 'nothing' in transformers.models"):
        run("x", a="import transformers.models.nothing")


def test_folders_that_cannot_be_written_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="other processes will not find the code"):
        assert run("x", a="x = 'kept nowhere'") == "kept nowhere"
