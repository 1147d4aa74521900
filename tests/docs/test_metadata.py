"""README and metadata say what is there: families, licence, extras, and nothing that does not exist yet."""

import re
import tomllib
from pathlib import Path

import pytest

from bestiary.core import plugins
from bestiary.modeling.families import families

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_metadata() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    [licence] = PROJECT["license-files"]
    assert "Apache License" in (ROOT / licence).read_text(encoding="utf-8")
    assert PROJECT["authors"]
    assert PROJECT["readme"] == "README.md"
    assert "Typing :: Typed" in PROJECT["classifiers"]
    least = PROJECT["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {least}" in PROJECT["classifiers"]


def test_readme_names_every_extra() -> None:
    extras = set(PROJECT["optional-dependencies"]) - {"test"}
    assert extras <= set(re.findall(r"`(\w+)`", README.partition("## Three examples")[0]))


def test_families_that_readme_names_are_here() -> None:
    [named] = re.findall(r"families\.md\) \((.*?)\s+and\s+their\s+like\)", README, re.DOTALL)
    for name in re.split(r",\s+", named):
        assert name.lower().replace("-", "") in families()


@pytest.mark.parametrize("page", ["README.md", "docs/command_line.md"])
def test_commands_that_are_named_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    commands = {name.replace("_", "-") for name in plugins.names("bestiary.cli.commands")}
    assert set(re.findall(r"(?<!from )\bbestiary ([a-z][a-z-]+)", text)) <= commands
    assert not re.search(r"\bserve\b|fine-tun", text)
    if page != "README.md":
        assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == commands


def test_the_commands_of_a_chat_are_those_of_the_page() -> None:
    from bestiary.cli import slash

    text = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`/(\w+)[^`]*`(?:,| \|)", text)) == set(slash._COMMANDS)
