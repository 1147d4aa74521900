"""What type checkers say of a user's program: nothing of a right one, with the types it shows; something of each wrong line."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path

import pytest

import bestiary

PROGRAMS = {name: Path(__file__).with_name(f"{name}.py") for name in ("right", "wrong")}
LIBRARY = Path(bestiary.__file__).parents[1]

# Program -> line -> what is said of it: errors, and shown types as "show: ...".
Said = dict[str, dict[int, list[str]]]


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env={**os.environ, **environment}, timeout=900
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def of_mypy(folder: Path) -> Said:
    # A library that is not installed but on PYTHONPATH, such as a working tree, is shown to mypy by its own variable.
    path = {} if Path(sysconfig.get_path("purelib")) == LIBRARY else {"MYPYPATH": str(LIBRARY)}
    options = ["--config-file=", "--cache-dir", str(folder), "--follow-imports=silent", "--python-executable", sys.executable]
    said: Said = defaultdict(lambda: defaultdict(list))
    for line in run("mypy", *options, *map(str, PROGRAMS.values()), **path).splitlines():
        found = re.match(r".*?(\w+)\.py:(\d+): (error|note): (.*)", line)
        if found and found[1] in PROGRAMS:
            shown = re.fullmatch(r'Revealed type is "(.*)"', found[4])
            if shown or found[3] == "error":
                said[found[1]][int(found[2])].append(f"show: {shown[1]}" if shown else found[4])
    return said


def of_pyright(folder: Path) -> Said:
    settings = {"include": list(map(str, PROGRAMS.values())), "typeCheckingMode": "standard"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    output = run("basedpyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(folder))
    said: Said = defaultdict(lambda: defaultdict(list))
    for each in json.loads(output)["generalDiagnostics"]:
        shown = re.fullmatch(r'Type of ".*" is "(.*)"', each["message"], re.DOTALL)
        if shown or each["severity"] == "error":
            line = each["range"]["start"]["line"] + 1
            said[Path(each["file"]).stem][line].append(f"show: {shown[1]}" if shown else each["message"])
    return said


@pytest.fixture(scope="module", params=[of_mypy, of_pyright], ids=["mypy", "pyright"])
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Said:
    return request.param(tmp_path_factory.mktemp("checked"))


def marked(program: str, mark: str) -> dict[int, str]:
    """Line -> what stands behind `mark` in it."""
    lines = enumerate(PROGRAMS[program].read_text(encoding="utf-8").splitlines(), start=1)
    return {number: found[1] for number, line in lines if (found := re.search(mark, line))}


def plain(shown: str) -> str:
    """A type without the modules of its names, and a union in one order."""
    shown = re.sub(r"\b(?:\w+\.)+(?=[A-Za-z])", "", shown.removeprefix("show: "))
    return " | ".join(sorted(shown.split(" | ")))


def test_a_right_program_shows_its_types(said):
    expected = marked("right", r"reveal_type\(.*\)  # (.*)")
    shown = {
        line: [plain(each) if each.startswith("show: ") else each for each in found] for line, found in said["right"].items()
    }
    assert shown == {line: [plain(kind)] for line, kind in expected.items()}


def test_every_wrong_line_is_reported_and_no_other(said):
    assert set(said["wrong"]) == set(marked("wrong", r"  # (wrong)$"))
