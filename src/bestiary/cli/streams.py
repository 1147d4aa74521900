"""Text in and out: what is read is UTF-8 or told not to be; a stdout of another encoding gets escapes and one warning."""

import codecs
import io
import sys
from pathlib import Path
from typing import Any

import typer

from ..core.errors import FileMissing, InputError
from ..core.logging import warn_once

_ESCAPES = "bestiary-escapes"


def escape_output() -> None:
    """Let stdout write escapes for characters that its encoding lacks, with one warning."""
    codecs.register_error(_ESCAPES, _escape)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_ESCAPES)


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    warn_once(
        "output-encoding",
        f"stdout takes {sys.stdout.encoding}: other characters become escapes; PYTHONIOENCODING=utf-8 lets them through",
    )
    return codecs.backslashreplace_errors(error)


def on_terminal(stream: Any = None) -> bool:
    """Whether `stream` (by default stdout) is a terminal rather than a pipe or a file; a closed one is none."""
    stream = sys.stdout if stream is None else stream
    return stream is not None and bool(stream.isatty())


def takes_utf8() -> bool:
    """Whether stdout writes every character as it is."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def write(text: str) -> None:
    """Print a piece of text at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def stdin_text() -> str:
    """All of stdin.

    Raises:
        InputError: it is not UTF-8, or closed.
    """
    return "".join(iter(stdin_line, ""))


def stdin_line() -> str:
    """The next line of stdin with its end, empty when there is no more.

    Raises:
        InputError: it is not UTF-8, or closed.
    """
    if sys.stdin is None:
        raise InputError("stdin is closed, so nothing can be read; give the text on the command line or through a pipe")
    return _decoded(sys.stdin.buffer.readline(), "stdin")


def file_text(path: Path) -> str:
    """The text of a file.

    Raises:
        FileMissing: there is none. InputError: it is not UTF-8. OSError: it cannot be read.
    """
    if not path.is_file():
        raise FileMissing(f"there is no file {path}")
    return _decoded(path.read_bytes(), str(path))


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte 0x{content[error.start]:02x} in {content[max(0, error.start - 20) : error.start + 20]!r}"
        raise InputError(f"{name} is not UTF-8 ({place}); convert it, for example with iconv -f latin1 -t utf-8") from None


def checked(word: str, name: str) -> str:
    """`word` of the command line or a terminal, called `name` in messages.

    Where the locale lacks a character, Python hands on its bytes as lone surrogates: these are read as UTF-8.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        return word.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise InputError(f"{name}: {word!r:.60} is not UTF-8; set the terminal to UTF-8, or send it through a pipe") from None


def texts(words: list[str], file: Path | None, what: str) -> list[str]:
    """The `words` of the command line, else the lines of `file`, else those of stdin (also when `-` is given).

    Raises:
        typer.BadParameter: there is nothing to read. FileMissing, InputError: see `file_text`, `checked`.
    """
    if file is not None:
        if words:
            raise typer.BadParameter(f"give {what} on the command line or in --file, not both")
        lines = file_text(file).splitlines()
    elif words and words != ["-"]:
        return [checked(word, what) for word in words]
    elif not words and on_terminal(sys.stdin):
        raise typer.BadParameter(f"give {what} on the command line, in --file, or through a pipe")
    else:
        lines = stdin_text().splitlines()
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise typer.BadParameter(f"{what}: nothing but empty lines was found")
    return filled
