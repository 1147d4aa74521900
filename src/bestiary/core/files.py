"""Writing so that a kill, a full disk or a power cut leaves either the old file or the new one, never half of one."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import ArgumentError, CorruptFile, SaveError


def folder_to_fill(folder: Any) -> Path:
    """The folder that a save writes into, made where it is missing; `~` is the home folder.

    Raises:
        ArgumentError: no path. SaveError: the folder cannot be made.
    """
    if not isinstance(folder, str | os.PathLike) or not isinstance(os.fspath(folder), str) or not os.fspath(folder):
        raise ArgumentError(f"a save needs the path of a folder; found {type(folder).__name__} {folder!r:.60}")
    path = Path(folder)
    try:
        path = path.expanduser()
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SaveError(f"cannot write into the folder {str(folder)!r:.200}: {why or error}; nothing was written") from error
    return path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed over `path`.

    On any error the temporary file is removed and `path` keeps its old content.

    Raises:
        SaveError: `path` is a folder, a device or a pipe; the disk is full or the folder is not writable. Says which file and
            why.
    """
    target = Path(path)
    if target.exists() and not target.is_file():  # a file in its place would put an end to it
        raise SaveError(f"{target} is {'a folder' if target.is_dir() else 'a device or a pipe'}; expected the name of a file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise SaveError(f"cannot write in {target.parent}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except SaveError:  # of a file written inside this one: it says what happened
        raise
    except OSError as error:
        hint = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise SaveError(f"{target} was not written ({hint}); its former content, if any, is unchanged") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Atomically write `text` as UTF-8."""
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SaveError(
            f"{path} cannot be written as UTF-8: half of a character (a surrogate) is in the text: {error}"
        ) from error
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: str | os.PathLike[str], value: Any, sort_keys: bool = False) -> None:
    """Atomically write `value` as indented JSON with a final newline."""
    write_text(path, json_text(value, str(path), ensure_ascii=False, sort_keys=sort_keys))


def json_text(value: Any, what: str, **layout: Any) -> str:
    """`value` as indented JSON with a final newline; a `SaveError` names `what` holds something that JSON has no form for."""
    try:
        return json.dumps(value, indent=2, **layout) + "\n"
    except TypeError as error:
        raise SaveError(f"{what} cannot be written as JSON: {error}. Expected texts, numbers, lists and tables") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read JSON; `CorruptFile` names the file and the place when it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # besides bad syntax: bytes that are no text, a number of 10,000 digits
        raise CorruptFile(f"{path} is not valid JSON: {error}") from error
