"""The lists that a script writes from the families' folders are what it would write now."""

import json
import runpy
from pathlib import Path

import pytest

import bestiary
from bestiary.modeling.families import families, family, preprocessor_of

SCRIPT = Path(__file__).parent.parent / "scripts" / "write_family_lists.py"
PACKAGE = Path(bestiary.__file__).parent
CLASSES = sorted(PACKAGE.glob("models/*/classes.pyi"))


@pytest.fixture(scope="module")
def written() -> dict[Path, str]:
    """What the script would write; not made when tests are collected, which each process does."""
    lists: dict[Path, str] = runpy.run_path(str(SCRIPT))["lists"](PACKAGE)
    return lists


def test_lists_are_up_to_date(written: dict[Path, str]) -> None:
    stale = [path for path, text in written.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    assert not stale, f"run python scripts/{SCRIPT.name}"
    assert {path for path in written if path.name == "classes.pyi"} == set(CLASSES)


@pytest.mark.parametrize("kind", ["types", "names"])
def test_no_name_belongs_to_two_families(kind: str) -> None:
    listed = json.loads((PACKAGE / "models" / "index.json").read_text(encoding="utf-8"))
    names = [name for declared in listed.values() for name in declared[kind]]
    assert names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", CLASSES, ids=lambda path: path.parent.name)
def test_a_family_made_from_data_shows_its_classes_to_type_checkers(path: Path) -> None:
    assert "\n    from .classes import *" in (path.parent / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", families())
def test_what_a_family_lists_exists(name: str) -> None:
    module = family(name)
    tables = [module.TASKS, *vars(module).get("PARTS", {}).values()]
    assert all(isinstance(getattr(module, each), type) for table in tables for each in table.values())
    for kind, class_name in vars(module).get("PREPROCESSORS", {}).items():
        assert isinstance(preprocessor_of(name, kind), type), class_name
