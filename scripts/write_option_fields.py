"""Write the options that the files of generation declare as typed fields, for editors and type checkers.

    python scripts/write_option_fields.py

Writes `src/bestiary/generation/fields.pyi`. Run it after a change of an `OPTIONS` table (`tests/generation/test_options.py`
tells when); never edit that file by hand. The library itself does not read it.
"""

import ast
from pathlib import Path
from typing import Annotated, get_origin

from bestiary.core import kinds, plugins
from bestiary.generation.options import PLACES

STUB = Path(__file__).resolve().parent.parent / "src" / "bestiary" / "generation" / "fields.pyi"
HEADER = """\
# Every option of generation, its kind, its default, and the file that declares it.
# Written by scripts/write_option_fields.py; do not edit.

from typing import Any, Literal

from ..core.kinds import {kinds}
from ..hub.pretrained import PretrainedRecord

class Fields(PretrainedRecord):
"""


def text() -> str:
    """The stub."""
    lines = []
    for package in PLACES:
        for file, source in plugins.expressions(package, "OPTIONS").items():
            place = f"{package}.{file}".removeprefix("bestiary.generation.").replace(".", "/")
            lines += [f"    # {place}", *(f"    {field}" for field in fields(source)), ""]
    body = "\n".join(lines)
    bounded = [name for name, kind in vars(kinds).items() if get_origin(kind) is Annotated and f": {name} |" in body]
    return HEADER.format(kinds=", ".join(sorted(bounded))) + body


def fields(source: str) -> list[str]:
    """The lines of one table."""
    table = ast.parse(source, mode="eval").body
    assert isinstance(table, ast.Dict)
    lines = []
    for key, option in zip(table.keys, table.values, strict=True):
        assert isinstance(key, ast.Constant)
        assert isinstance(option, ast.Call)
        default = [ast.unparse(keyword.value) for keyword in option.keywords if keyword.arg == "default"]
        kind = ast.unparse(option.args[0]).replace("'", '"')
        lines.append(f"{key.value}: {kind} | None = None" + (f"  # counts as {default[0]}" if default else ""))
    return lines


if __name__ == "__main__":
    STUB.write_text(text(), encoding="utf-8")
