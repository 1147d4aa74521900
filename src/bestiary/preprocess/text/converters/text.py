"""Reading text files of vocabularies."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....core.errors import CorruptFile, FileMissing, InputError

_SURROGATE = re.compile("[\ud800-\udfff]")


def is_path(vocab: Any, *tables: type) -> bool:
    """Whether a vocabulary is the path of a file, rather than one of `tables` (a mapping, where none are said).

    Raises:
        InputError: it is neither, or a table with keys that are no texts or ids that are no numbers from 0 on.
        FileMissing: there is no such file.
    """
    if isinstance(vocab, str | os.PathLike):
        if not Path(vocab).is_file():
            raise FileMissing(f"there is no file {str(vocab)!r:.200}")
        return True
    if not isinstance(vocab, tables or Mapping):
        raise InputError(f"a vocabulary is a path or a table of tokens, not {type(vocab).__name__} {vocab!r:.60}")
    if isinstance(vocab, Mapping):
        for token, index in vocab.items():
            if not (is_text(token) and isinstance(index, int) and 0 <= index < 2**32):
                raise InputError(
                    f"the vocabulary gives {token!r:.60} the id {index!r:.60}; expected texts and numbers from 0 on"
                )
    return False


def is_text(token: Any) -> bool:
    """Whether a token is a text, without halves of characters (surrogates)."""
    return isinstance(token, str) and (token.isascii() or not _SURROGATE.search(token))


def need_file(path: Any, what: str) -> Path:
    """The path of a file that is there; `what` it holds, for the message.

    Raises:
        InputError: no path. FileMissing: there is no such file.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"{what} come from a file; found {path!r:.60}, expected its path")
    if not Path(path).is_file():
        raise FileMissing(f"there is no file {str(path)!r:.200} for {what}")
    return Path(path)


def content(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file.

    Raises:
        CorruptFile: it is not UTF-8.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{path} is not UTF-8 text: {error}") from error
    return text.replace("\r\n", "\n")


def lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a UTF-8 file, split at newlines only.

    Raises:
        CorruptFile: it is not UTF-8.
    """
    return content(path).removesuffix("\n").split("\n")
