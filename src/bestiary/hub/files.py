"""Where the files of a checkpoint are: in a folder, in the cache, or on the hub."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..core.errors import ArgumentError, FileMissing, UnsafeFile
from .download import from_hub
from .options import HubOptions as HubOptions
from .options import cache_folder as cache_folder
from .options import network_is_off as network_is_off
from .options import offline as offline

# The release of the published library whose files are read as it reads them.
PUBLISHED = "5.23.0"


def inside(filename: str) -> str:
    """`filename` if it stays inside its folder; absolute paths, `..` and what is no name are refused with `UnsafeFile`."""
    if not isinstance(filename, str):
        raise ArgumentError(f"a file's name is a text; found {type(filename).__name__} {filename!r:.60}")
    path = PurePosixPath(filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise UnsafeFile(
            f"the file name {filename!r:.80} leads outside the checkpoint's folder; only names inside it are opened"
        )
    if not path.parts or not filename.isprintable() or any(len(part.encode()) > 255 for part in path.parts):
        raise UnsafeFile(f"{filename!r:.80} ({len(filename)} characters) is not the name of a file")
    return str(path)


def of_release(filename: str, versioned: Any) -> str:
    """Of `filename` in forms for several releases, such as `config.4.0.0.json`, the newest that `PUBLISHED` reads; else itself.

    Args:
        versioned: the names of these forms, as a file lists them; what is no such name is left aside.
    """
    stem, dot, ending = filename.rpartition(".")
    form = re.compile(rf"{re.escape(stem)}\.(\d{{1,4}}(?:\.\d{{1,4}}){{0,3}}){re.escape(dot + ending)}")
    releases: dict[str, tuple[int, ...]] = {filename: (0,)}
    for name in versioned if isinstance(versioned, list) else ():
        match = form.fullmatch(name) if isinstance(name, str) else None
        if match:
            releases[name] = tuple(int(number) for number in match[1].split("."))
    current = tuple(int(number) for number in PUBLISHED.split("."))
    return max((name for name in releases if releases[name] <= current), key=lambda name: releases[name])


def find_file(name_or_path: str | os.PathLike[str], filename: str, options: HubOptions = HubOptions()) -> Path | None:
    """The local path of `filename` of a checkpoint, downloaded if need be; None when the checkpoint has no such file.

    Offline, None also when the cache holds the checkpoint without that file. A path never reaches the network: an existing
    folder, a `Path` object, or a name that begins like a path.

    Raises:
        FileMissing: the checkpoint itself cannot be found, with the places looked at.
        HubError: the hub refused or failed. CorruptFile: what it sent is not what it announced.
    """
    filename = inside(os.path.join(options.subfolder, filename) if options.subfolder else filename)
    folder = local_folder(name_or_path)
    if folder is not None:
        return folder / filename if (folder / filename).is_file() else None
    return from_hub(str(name_or_path), filename, options)


def file_itself(name_or_path: str | os.PathLike[str]) -> Path | None:
    """The file that a path leads to, or None: a folder or a name on the hub is meant.

    Raises:
        ArgumentError: neither a path nor a name.
    """
    if not isinstance(name_or_path, str | os.PathLike) or not str(name_or_path):
        raise ArgumentError(
            f"expected the folder or the name of a checkpoint; found {type(name_or_path).__name__} {name_or_path!r:.60}"
        )
    path = Path(name_or_path).expanduser()
    try:
        return path if path.is_file() else None
    except OSError as error:  # a name that no file system takes
        raise FileMissing(f"{str(path)[:80]!r} is no path ({error.strerror}), and no name on the hub") from error


def local_folder(name_or_path: str | os.PathLike[str]) -> Path | None:
    """The folder that is meant, or None when a name on the hub is meant.

    Raises:
        FileMissing: a path that does not lead to a folder. ArgumentError: neither a path nor a name.
    """
    file = file_itself(name_or_path)
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    # Names on the hub have one slash at most.
    if isinstance(name_or_path, str) and not name_or_path.startswith((".", "/", "~")) and name_or_path.count("/") < 2:
        if "\\" not in name_or_path:
            return None
    what = "does not exist" if file is None else "is a file"
    raise FileMissing(f"{path} {what}; expected the folder of a checkpoint (looked for {path.absolute()})")


def gguf_itself(name_or_path: Any) -> Path | None:
    """The GGUF file that a path leads to, or None: anything else is meant."""
    path = file_itself(name_or_path)
    if path is None:
        return None
    with open(path, "rb") as file:
        return path if file.read(4) == b"GGUF" else None


def gguf_place(name_or_path: Any, gguf_file: Any, options: HubOptions = HubOptions()) -> tuple[Any, Any]:
    """Where the other files of a checkpoint are, and what holds its model: of a GGUF file the file, else the same again.

    Args:
        name_or_path: where the file `gguf_file` lies, or without that the path of the file itself.

    Raises:
        ArgumentError: `gguf_file` is no name. FileMissing, HubError: the file cannot be had. CorruptFile: it is no GGUF file.
    """
    if gguf_file is None:
        file = None if name_or_path is None else file_itself(name_or_path)
        named = file is not None and file.suffix == ".gguf"
        return (file.parent, _checked(file)) if file is not None and named else (name_or_path, name_or_path)
    if not isinstance(gguf_file, str) or not gguf_file:
        raise ArgumentError(f"gguf_file is {gguf_file!r:.60}; expected the name of a file, such as 'model-Q4_K_M.gguf'")
    path = Path(gguf_file).expanduser()
    if path.is_absolute() and path.is_file():
        return path.parent, _checked(path)
    if name_or_path is None:
        raise ArgumentError(f"gguf_file={gguf_file!r:.60} is a file of a checkpoint; pass the folder or the name of that too")
    return name_or_path, _checked(get_file(name_or_path, gguf_file, options))


def _checked(path: Path) -> Path:
    """A file that is said to be GGUF; its header says in words what it is instead."""
    if gguf_itself(path) is None:
        from ..core.gguf import read_header  # such files alone need it

        read_header(path)
    return path


def get_file(name_or_path: str | os.PathLike[str], filename: str, options: HubOptions = HubOptions()) -> Path:
    """Like `find_file`, but a missing file raises `FileMissing` that says where it was looked for."""
    path = find_file(name_or_path, filename, options)
    if path is None:
        within = f" (subfolder {options.subfolder!r})" if options.subfolder else ""
        raise FileMissing(f"there is no {filename} in {_place(name_or_path, options)}{within}")
    return path


def get_files(name_or_path: str | os.PathLike[str], filenames: list[str], options: HubOptions = HubOptions()) -> list[Path]:
    """`get_file` for several files, downloaded side by side; the error names all that are missing.

    Raises:
        FileMissing, HubError: as `get_file`.
    """
    with ThreadPoolExecutor(max_workers=min(8, max(1, len(filenames)))) as pool:
        paths = list(pool.map(lambda filename: find_file(name_or_path, filename, options), filenames))
    missing = [filename for filename, path in zip(filenames, paths, strict=True) if path is None]
    if missing:
        place = _place(name_or_path, options)
        examples = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise FileMissing(f"{len(missing)} of {len(filenames)} files are missing ({examples}) in {place}")
    return [path for path in paths if path is not None]


def pinned(options: HubOptions, path: Path) -> HubOptions:
    """`options` for the other files of the commit that `path` came from: a branch may move between two downloads."""
    parts = path.parts
    commit = parts[parts.index("snapshots") + 1] if "snapshots" in parts[:-2] else ""
    return replace(options, revision=commit) if re.fullmatch("[0-9a-f]{40}", commit) else options


def _place(name_or_path: str | os.PathLike[str], options: HubOptions) -> str:
    if Path(name_or_path).is_dir():
        return f"the folder {Path(name_or_path).resolve()}"
    revision = f" (revision {options.revision!r})" if options.revision else ""
    if offline(options):
        return f"what the cache {cache_folder(options)} holds of {str(name_or_path)!r}{revision}; {network_is_off(options)}"
    return f"{str(name_or_path)!r}{revision} on the hub"


def refuse(kwargs: dict[str, Any], where: str) -> None:
    """Raise `ArgumentError` when keywords are left over; for the end of a function that takes its own and no others."""
    if kwargs:
        raise ArgumentError(f"{where} takes no argument {', '.join(map(repr, kwargs))}")
