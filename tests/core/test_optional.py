"""Missing and broken optional packages are told apart."""

import sys
import tomllib
from pathlib import Path

import pytest

from bestiary.core.errors import MissingDependency
from bestiary.core.optional import EXTRA_OF, require


def test_missing_names_the_extra() -> None:
    with pytest.raises(
        MissingDependency, match=r"reading sound needs the package 'no_such_package'.*pip install no_such_package"
    ):
        require("no_such_package", "reading sound")


def test_broken_keeps_the_original_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        MissingDependency, match="installed but fails to import: No module named 'nothing_of_this_name'"
    ) as info:
        require("broken_package", "reading sound")
    assert isinstance(info.value.__cause__, ImportError)
    assert "broken_package" not in sys.modules


def test_every_extra_that_is_named_can_be_installed() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    for module, extra in EXTRA_OF.items():
        package = module.partition(".")[0]
        names = [requirement.replace("-", "_").lower() for requirement in extras[extra]]
        assert any(name.startswith({"PIL": "pillow"}.get(package, package)) or package in name for name in names), package
