"""Messages as a person types them: over several lines, with a history that the next session still has."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.errors import InputError
from .console import note
from .streams import checked, on_terminal, stdin_line

_KEPT = 1000
_FENCE = '"""'


def read_message() -> str | None:
    r"""The next message without its edges, or None at the end of input.

    A line that ends with `\` goes on in the next one; all lines between two lines `'''` of double quotes are one message.
    """
    line = _line("> ")
    if line is None:
        return None
    if line.strip().startswith(_FENCE):
        return "\n".join(_fenced(line.strip().removeprefix(_FENCE)))
    lines = [line]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(_line(". ") or "")
    return "\n".join(lines).strip()


def _fenced(first: str) -> Iterator[str]:
    """The lines up to the closing fence, or the end of input."""
    line: str | None = first
    while line is not None:
        text, fence, _ = line.partition(_FENCE)
        if text or (not fence and line is not first):
            yield text
        if fence:
            return
        line = _line(". ")


def _line(prompt: str) -> str | None:
    """A line without its end, or None at the end of input; `prompt` stands before it on a terminal.

    Raises:
        InputError: it is not in the terminal's encoding, or not UTF-8.
    """
    if not on_terminal(sys.stdin):
        line = stdin_line()
        return line.rstrip("\r\n") if line else None
    if not on_terminal():  # the answers go to a file, and the prompt must not
        print(prompt, end="", file=sys.stderr, flush=True)
        prompt = ""
    try:
        return checked(input(prompt), "the line")
    except EOFError:
        return None
    except UnicodeDecodeError as error:
        raise InputError(f"the terminal sends what is not {error.encoding}; start with PYTHONIOENCODING=utf-8") from None


@contextmanager
def history() -> Iterator[None]:
    """On a terminal: editing of lines, and a history kept in `history_file()`."""
    try:
        import readline
    except ImportError:  # Windows, and Pythons built without it: lines without editing
        yield
        return
    if not on_terminal(sys.stdin):
        yield
        return
    path = history_file()
    with suppress(OSError):  # the first time there is none
        readline.read_history_file(path)
    readline.set_history_length(_KEPT)
    try:
        yield
    finally:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            readline.write_history_file(path)
        except OSError as error:
            note(f"the history was not kept in {path}: {error.strerror}")


def history_file() -> Path:
    """The file of the lines typed: `bestiary/chat_history` in XDG_STATE_HOME, by default in ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "bestiary" / "chat_history"
