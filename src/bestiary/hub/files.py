"""Where the files of a checkpoint are: in a folder, in the cache, or on the hub through the `huggingface_hub` client."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from ..core.errors import ArgumentError, FileMissing, HubError, UnsafeFile


@dataclass(frozen=True)
class HubOptions:
    """The keywords that every `from_pretrained` takes to find its files.

    subfolder: folder inside the checkpoint; revision: branch, tag or commit; cache_dir: where downloads are kept;
    token: access token, or True for the stored one; local_files_only: never call the network; force_download: ignore
    what the cache holds; repo_type: kind of repository on the hub.
    """

    subfolder: str = ""
    revision: str | None = None
    cache_dir: str | os.PathLike[str] | None = None
    token: str | bool | None = None
    local_files_only: bool = False
    force_download: bool = False
    repo_type: str = "model"

    @classmethod
    def split(cls, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Take the hub's keywords out of `kwargs`; returns them and the rest."""
        known = {field.name for field in fields(cls)}
        rest = {name: value for name, value in kwargs.items() if name not in known}
        return cls(**{name: value for name, value in kwargs.items() if name in known and value is not None}), rest


def offline(options: HubOptions) -> bool:
    """The one switch: `local_files_only`, or or HF_HUB_OFFLINE, BESTIARY_OFFLINE, TRANSFORMERS_OFFLINE at 1, true, yes, on."""
    names = ("HF_HUB_OFFLINE", "BESTIARY_OFFLINE", "TRANSFORMERS_OFFLINE")
    return options.local_files_only or any(os.environ.get(name, "").lower() in {"1", "true", "yes", "on"} for name in names)


def inside(filename: str) -> str:
    """`filename` if it stays inside its folder; absolute paths and `..` are refused with `UnsafeFile`."""
    path = PurePosixPath(filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise UnsafeFile(f"the file name {filename!r} leads outside the checkpoint's folder; only names inside it are opened")
    return str(path)


def find_file(name_or_path: str | os.PathLike[str], filename: str, options: HubOptions = HubOptions()) -> Path | None:
    """The local path of `filename` of a checkpoint, downloaded if need be; None when the checkpoint has no such file.

    Raises:
        FileMissing: the checkpoint itself cannot be found, with the places looked at.
        HubError: the hub refused or failed.
    """
    filename = inside(os.path.join(options.subfolder, filename) if options.subfolder else filename)
    path = Path(name_or_path)
    if path.is_dir():
        return path / filename if (path / filename).is_file() else None
    return _from_hub(str(name_or_path), filename, options)


def get_file(name_or_path: str | os.PathLike[str], filename: str, options: HubOptions = HubOptions()) -> Path:
    """Like `find_file`, but a missing file raises `FileMissing` that says where it was looked for."""
    found = find_file(name_or_path, filename, options)
    if found is None:
        where = f"the folder {Path(name_or_path).resolve()}" if Path(name_or_path).is_dir() else f"{name_or_path!r} on the hub"
        within = f" (subfolder {options.subfolder!r})" if options.subfolder else ""
        raise FileMissing(f"there is no {filename} in {where}{within}")
    return found


def get_files(name_or_path: str | os.PathLike[str], filenames: list[str], options: HubOptions = HubOptions()) -> list[Path]:
    """`get_file` for several files, downloaded side by side; the error names all that are missing.

    Raises:
        FileMissing, HubError: as `get_file`.
    """
    with ThreadPoolExecutor(max_workers=min(8, max(1, len(filenames)))) as pool:
        found = list(pool.map(lambda filename: find_file(name_or_path, filename, options), filenames))
    lacking = [filename for filename, path in zip(filenames, found, strict=True) if path is None]
    if lacking:
        raise FileMissing(f"{name_or_path} lacks {len(lacking)} of {len(filenames)} files: {', '.join(lacking)}")
    return [path for path in found if path is not None]


def pinned(options: HubOptions, found: Path) -> HubOptions:
    """`options` for the other files of the commit that `found` came from: a branch may move between two downloads."""
    parts = found.parts
    commit = parts[parts.index("snapshots") + 1] if "snapshots" in parts[:-2] else ""
    return replace(options, revision=commit) if re.fullmatch("[0-9a-f]{40}", commit) else options


def _from_hub(name: str, filename: str, options: HubOptions) -> Path | None:
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(
                name,
                filename,
                revision=options.revision,
                cache_dir=None if options.cache_dir is None else os.fspath(options.cache_dir),
                token=options.token,
                local_files_only=offline(options),
                force_download=options.force_download,
                repo_type=options.repo_type,
            )
        )
    except hub_errors.LocalEntryNotFoundError as error:
        raise FileMissing(
            f"{filename} of {name!r} is not in the cache, and the network is off or unreachable: {error}"
        ) from error
    except hub_errors.EntryNotFoundError:
        return None
    except hub_errors.HFValidationError as error:
        raise FileMissing(f"{name!r} is neither a folder here nor a valid name on the hub: {error}") from error
    except hub_errors.HfHubHTTPError as error:
        raise HubError(f"the hub refused {filename} of {name!r}: {error}") from error


def refuse(kwargs: dict[str, Any], where: str) -> None:
    """Raise `ArgumentError` when keywords are left over; for the end of a function that takes its own and no others."""
    if kwargs:
        raise ArgumentError(f"{where} takes no argument {', '.join(map(repr, kwargs))}")
