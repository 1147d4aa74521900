"""Rows of CSV and TSV files, read strictly: what is broken is told with its line, rather than trained on."""

import csv
import io
import math
import re
from pathlib import Path
from typing import Any

from ..core.errors import CorruptFile

_LONGEST_FIELD = 2**31 - 1  # bytes; csv by itself stops at 131,072
_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


class WrittenNumber(float):
    """A number of a table, whose `str` is the text as it is written there: 4.50 stays 4.50 where a text is wanted."""

    text: str

    def __str__(self) -> str:
        return self.text


def file_text(path: Path) -> str:
    """What a file of UTF-8 holds, with its line ends, without a byte order mark.

    Raises:
        CorruptFile: it has another encoding.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFile(
            f"{path} is no UTF-8 (byte {error.object[error.start]:#04x} at {error.start:,}); expected that encoding: save it"
            " anew as UTF-8"
        ) from error
    if "\0" in text:
        raise CorruptFile(f"{path} holds zero bytes, as UTF-16 and binary files do; expected UTF-8: save it anew as UTF-8")
    return text


def table_rows(path: Path, delimiter: str) -> list[dict[str, Any]]:
    """The rows of a table, whose first line names the columns.

    A column of integers, or of numbers of which one has a point, becomes numbers; a column with one other value (007, 1e5
    among integers, nan, an empty field) stays text.

    Raises:
        CorruptFile: a row with more or fewer fields than columns, a column named twice, or a quote that is not closed.
    """
    names: list[str] = []
    rows: list[dict[str, Any]] = []
    before = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(file_text(path), newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for fields in reader:
            if fields and not names:
                names = fields
                twice = next((name for name in names if names.count(name) > 1), None)
                if twice is not None:
                    raise CorruptFile(f"{path}, line {line}: the column {twice!r:.60} is named twice; rename one")
            elif fields:
                if len(fields) != len(names):
                    raise CorruptFile(
                        f"{path}, line {line}: {len(fields)} fields, and the first line names {len(names)} columns; put fields"
                        f" that hold {delimiter!r} in double quotes"
                    )
                rows.append(dict(zip(names, fields, strict=True)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise CorruptFile(
            f"{path}, line {line}: a quote is not closed, or not at the end of its field ({error}); write a quote inside a"
            ' quoted field twice, as in "she said ""no"""'
        ) from error
    finally:
        csv.field_size_limit(before)
    for name in names:
        _make_numbers(rows, name)
    return rows


def _make_numbers(rows: list[dict[str, Any]], name: str) -> None:
    if all(_INTEGER.fullmatch(row[name]) for row in rows):
        for row in rows:
            row[name] = int(row[name])
    elif all(_NUMBER.fullmatch(row[name]) and math.isfinite(float(row[name])) for row in rows) and any(
        "." in row[name] for row in rows
    ):
        for row in rows:
            text = row[name]
            row[name] = WrittenNumber(text)
            row[name].text = text
