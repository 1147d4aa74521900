"""Every public class and function of the reference's modules: importable from the same path here, or listed with the reason.

`absent_names.json` is the list: reason -> module -> the names that are not here, "*" for all of a module. A name that has come
leaves the list; a new one enters it with its reason. Blocks of families are not looked at; `tests/auto` asks for their models.
"""

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

ROOT = Path(transformers.__file__).parent
ABSENT: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "absent_names.json").read_text())
# What nobody imports: programs, what is within, tests, and what stands for packages that are not installed.
WITHIN = ("cli", "commands", "distributed", "exporters", "heterogeneity", "kernels", "quantizers", "sagemaker", "testing_utils")
WITHIN_UTILS = ("dummy_", "pytest_helpers")


@functools.cache
def published() -> dict[str, list[str]]:
    """Module below `transformers` -> its own public classes and functions; of models only `auto`."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = [part for part in file.relative_to(ROOT).with_suffix("").parts if part != "__init__"]
        family = parts[:1] == ["models"] and parts[1:2] != ["auto"]
        within = parts[0].startswith(WITHIN) or parts[-1].startswith(WITHIN_UTILS) if parts else False
        if family or within or any(part.startswith("_") for part in parts):
            continue
        body = ast.parse(file.read_text(encoding="utf-8")).body
        names = [each.name for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
        found[".".join(parts)] = sorted({name for name in names if not name.startswith("_")})
    return {module: names for module, names in found.items() if names}


@pytest.fixture(scope="module")
def absent() -> set[str]:
    """Those that an import does not find, as "module:name"."""
    code = (
        "import bestiary.compat, json, sys, warnings; bestiary.compat.install()\n"
        "bestiary.compat.finder._explain = lambda *where: ''  # the nearest name is not asked for, which takes longest\n"
        "warnings.simplefilter('ignore')\nabsent = []\n"
        "for module, names in json.load(sys.stdin).items():\n"
        "    for name in names:\n"
        "        try:\n            __import__(f'transformers.{module}'.strip('.'), fromlist=[name])\n"
        "        except ImportError:\n            absent.append(f'{module}:{name}')\n"
        "print(json.dumps(absent))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(published()), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def listed() -> set[str]:
    names = published()
    return {
        f"{module}:{name}"
        for modules in ABSENT.values()
        for module, words in modules.items()
        for name in (names[module] if words == "*" else words.split())
    }


def test_every_published_name_is_here_or_listed_with_a_reason(absent: set[str]) -> None:
    assert sorted(absent - listed()) == []


def test_what_is_listed_is_absent(absent: set[str]) -> None:
    """Shorten the list when a name has come."""
    assert sorted(listed() - absent) == []


def test_a_name_stands_in_the_list_once() -> None:
    modules = [module for names in ABSENT.values() for module, words in names.items() if words == "*"]
    assert len(modules) == len(set(modules))
    assert len(published()) > 100
