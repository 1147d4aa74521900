"""Reading text files of vocabularies."""

import os
from pathlib import Path

from ....core.errors import CorruptFile


def lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a UTF-8 file, split at newlines only.

    Raises:
        CorruptFile: it is not UTF-8.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{path} is not UTF-8 text: {error}") from error
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")
