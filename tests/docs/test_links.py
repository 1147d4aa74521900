"""Links in the documents lead somewhere, and every test file is claimed by the table of features."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_folder_of_tests_is_linked() -> None:
    text = (ROOT / "docs" / "features.md").read_text()
    for folder in ("parity", "loading", "hub", "placement", "generation", "pipelines", "cli", "compat", "cache"):
        assert f"../tests/{folder}/" in text, folder
