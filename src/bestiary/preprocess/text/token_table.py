"""Tables of tokens and their ids in JSON files, for tokenizers written in Python."""

import json
import os
from pathlib import Path
from typing import Any

from ...core.errors import CorruptFile


def read_table(path: str | os.PathLike[str]) -> dict[str, int]:
    """Token -> id, from a JSON file.

    Raises:
        CorruptFile: it holds something else.
    """
    try:
        table: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptFile(f"{path} is no JSON: {error}") from error
    if not isinstance(table, dict) or not all(isinstance(index, int) for index in table.values()):
        raise CorruptFile(f"{path} holds no table of tokens and their ids; expected {{token: id}}")
    return table


def write_table(table: dict[str, int], path: Path) -> str:
    """Write such a table; returns the path."""
    path.write_text(json.dumps(table, indent=2), encoding="utf-8")
    return str(path)
