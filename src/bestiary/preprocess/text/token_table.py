"""Tables of tokens and their ids in JSON files, for tokenizers written in Python."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from ...core.errors import CorruptFile, InputError
from ...core.files import read_json
from ...core.kinds import Range, fits
from ...core.logging import warn_once
from .converters.text import is_text, need_file

Id = Annotated[int, Range(0, 2**32)]


def read_table(path: str | os.PathLike[str]) -> dict[str, int]:
    """Token -> id, from a JSON file. Two tokens of one id are told in a warning; the id is read as the last of them.

    Raises:
        CorruptFile: it holds something else. InputError: no path. FileMissing: there is no such file.
    """
    table: Any = read_json(need_file(path, "tokens and their ids"))
    if not isinstance(table, dict):
        raise CorruptFile(f"{path} holds {type(table).__name__}, and no table of tokens and their ids; expected {{token: id}}")
    for token, index in table.items():
        if not fits(index, Id) or not is_text(token):
            raise CorruptFile(
                f"{path} gives {token!r:.60} the id {index!r:.60}, and is no table of tokens and their ids; expected texts and"
                " whole numbers from 0 on"
            )
    if len(set(table.values())) < len(table):
        warn_once("one-id", f"{path} gives several tokens one id, which is read as the last of them", str(path))
    return table


def id_in(table: Mapping[str, int], token: str, unknown: str | None, added: Mapping[str, int]) -> int:
    """The id of a token, or that of the token `unknown`, in `table` or among those `added` to it.

    Raises:
        InputError: neither is there.
    """
    index = table.get(token)
    if index is None and unknown is not None:
        index = table.get(unknown, added.get(unknown))
    if index is None:
        raise InputError(
            f"the vocabulary lacks {token!r:.60}, and the unknown token, unk_token, is {unknown!r:.60}, which it lacks too;"
            " expected one of its tokens"
        )
    return index


def write_table(table: dict[str, int], path: Path) -> str:
    """Write such a table; returns the path."""
    path.write_text(json.dumps(table, indent=2), encoding="utf-8")
    return str(path)
