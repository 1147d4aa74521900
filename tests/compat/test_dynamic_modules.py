"""Code of checkpoints as libraries of others ask for it, beside the published functions."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from kit import remote_code
from transformers import dynamic_module_utils as theirs

import bestiary
from bestiary.compat import dynamic_modules as ours

SOURCES = [
    "import os\nimport numpy.linalg as la\nfrom torch.nn import functional\nfrom . import a\n"
    "from .b import c\nfrom .d.e import f",
    "try:\n    import nobody_has_it\nexcept ImportError:\n    pass\nimport sys",
    "if is_flash_attn_2_available():\n    import flash_attn\nif is_torch_available():\n    import nor_this\n"
    "if other():\n    import json",
    "def f():\n    import inner_import\n    from .late import x",
    "class A:\n    from collections import abc",
    "from .x import (\n    y,\n    z,\n)",
    "",
]


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote_code.keep_apart(monkeypatch, tmp_path)


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
def test_what_a_file_imports(tmp_path: Path, source: str) -> None:
    (tmp_path / "x.py").write_text(source)
    assert ours.get_imports(tmp_path / "x.py") == theirs.get_imports(tmp_path / "x.py")
    assert ours.get_relative_imports(tmp_path / "x.py") == sorted(theirs.get_relative_imports(tmp_path / "x.py"))


def test_the_files_that_a_file_imports(tmp_path: Path) -> None:
    remote_code.write(tmp_path)
    names = [set(map(str, each.get_relative_import_files(tmp_path / "modeling_strange.py"))) for each in (ours, theirs)]
    assert names[0] == names[1]
    for each in (ours, theirs):
        assert sorted(each.check_imports(tmp_path / "modeling_strange.py")) == ["blocks_strange", "configuration_strange"]
        (tmp_path / "x.py").write_text("import nobody_has_it, nor_that")
        with pytest.raises(
            ImportError, match="not found in your environment: nobody_has_it, nor_that. Run `pip install nobody"
        ):
            each.check_imports(tmp_path / "x.py")


@pytest.mark.parametrize("each", [ours, theirs], ids=["ours", "theirs"])
def test_a_class_and_a_file(tmp_path: Path, each: Any) -> None:
    folder = remote_code.write(tmp_path / "strange")
    config = each.get_class_from_dynamic_module("configuration_strange.StrangeConfig", str(folder), token=None)
    assert config().hidden_size == 8
    file = each.get_cached_module_file(str(folder), "sizes_strange.py")
    assert (Path(each.HF_MODULES_CACHE) / file).read_text() == remote_code.SIZES
    again = each.get_cached_module_file(str(folder), "configuration_strange.py")
    assert each.get_class_in_module("StrangeConfig", again, force_reload=True)().hidden_size == 8


@pytest.mark.parametrize("each", [ours, theirs], ids=["ours", "theirs"])
def test_a_function(tmp_path: Path, each: Any) -> None:
    (tmp_path / "helpers.py").write_text("def twice(number):\n    return 2 * number\n")
    assert each.get_class_from_dynamic_module("helpers.twice", str(tmp_path))(4) == 8


def test_files_that_are_no_allowed_code(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("print('ran')")
    for path in ("os.py", "../x.py", str(tmp_path / "x.py"), f"{ours.TRANSFORMERS_DYNAMIC_MODULE_NAME}/x.py"):
        with pytest.raises((ValueError, ImportError)):
            ours.get_class_in_module("X", path)


def test_code_is_copied_beside_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_of_tests.py").write_text(
        "from bestiary import LlamaConfig\nclass Mine(LlamaConfig):\n    model_type = 'mine'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = __import__("mine_of_tests").Mine()
    mine.register_for_auto_class()
    table: dict[str, Any] = {"auto_map": {"AutoModel": "a.A"}}
    written = ours.custom_object_save(mine, tmp_path / "out", config=[table, mine])
    assert [path.name for path in written] == ["mine_of_tests.py"]
    assert table == {"auto_map": {"AutoModel": "a.A", "AutoConfig": "mine_of_tests.Mine"}}
    assert mine.auto_map == {"AutoConfig": "mine_of_tests.Mine"}


@pytest.mark.parametrize("trust", [None, True, False])
@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("remote", [True, False])
def test_who_decides(monkeypatch: pytest.MonkeyPatch, trust: bool | None, local: bool, remote: bool) -> None:
    monkeypatch.setattr(theirs, "TIME_OUT_REMOTE_CODE", 0)  # else it asks on the terminal
    answers: list[Any] = []
    for each in (ours, theirs):
        try:
            answers.append(each.resolve_trust_remote_code(trust, "org/x", local, remote))
        except ValueError as error:
            answers.append("trust_remote_code=True" in str(error))
    assert answers[0] == answers[1]


def test_requirements(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# a remark\n\ntorch>=1.0\n")
    for each in (ours, theirs):
        each.check_python_requirements(str(tmp_path))
        each.check_python_requirements(str(tmp_path), requirements_file="absent.txt")
    (tmp_path / "requirements.txt").write_text("torch<1.0\nnobody-has-it\n")
    for each in (ours, theirs):
        with pytest.raises(ImportError, match=r"(?s)Missing requirements .*torch<1.0.*nobody-has-it"):
            each.check_python_requirements(str(tmp_path))


def test_the_old_path(tmp_path: Path) -> None:
    from bestiary.compat.finder import old_module

    module = old_module("transformers.dynamic_module_utils", ["HF_MODULES_CACHE"])
    assert module.get_imports is ours.get_imports
    assert "transformers" in sys.modules  # the published one, which this leaves as it is
    assert json.dumps(module.HF_MODULES_CACHE) == json.dumps(str(tmp_path / "modules"))
    assert bestiary is not sys.modules["transformers"]
