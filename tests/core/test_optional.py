"""Missing and broken optional packages are told apart."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from bestiary.core.errors import MissingDependency
from bestiary.core.optional import DISTRIBUTION_OF, EXTRA_OF, install_hint, require

ROOT = Path(__file__).parents[2]


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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    for module, extra in EXTRA_OF.items():
        package = module.partition(".")[0]
        distribution = DISTRIBUTION_OF.get(package, package)
        assert distribution in [re.match("[a-z-]+", requirement)[0] for requirement in extras[extra]]
        assert install_hint(module) == f"pip install {distribution}, or, in a checkout of bestiary, pip install '.[{extra}]'"


def test_nothing_says_to_install_this_library_from_the_index() -> None:
    """It is not there; what works from a checkout is said in one place."""
    pages = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "examples").glob("*.py"),
    ]
    for path in pages:
        assert not re.search(r"pip install\s+['\"]?bestiary", path.read_text(encoding="utf-8")), path
    hints = [path for path in (ROOT / "src").rglob("*.py") if ".[{" in path.read_text(encoding="utf-8")]
    assert hints == [ROOT / "src" / "bestiary" / "core" / "optional.py"]
