"""A checkpoint as a whole: what files it has, and all of them at once."""

import os
from fnmatch import fnmatch
from pathlib import Path

from ..core.errors import FileMissing
from .download import cached_snapshot, explain, failures, reach
from .files import local_folder
from .options import HubOptions, cache_folder, network_is_off, offline


def list_files(name_or_path: str | os.PathLike[str], options: HubOptions = HubOptions()) -> list[str]:
    """The files of a checkpoint, relative to its folder (to `subfolder`, when given), sorted; nothing is downloaded.

    Offline these are the files that the cache holds.

    Raises:
        FileMissing, HubError: the checkpoint cannot be found, or the hub refused.
    """
    folder = local_folder(name_or_path)
    name = str(name_or_path)
    if folder is None and offline(options):
        folder = cached_snapshot(name, options)
        if folder is None:
            raise FileMissing(f"{name!r} is not in the cache {cache_folder(options)}, and {network_is_off(options)}")
    if folder is not None:
        files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    else:
        from huggingface_hub import HfApi

        reach(name, ".gitattributes", options)
        try:
            files = HfApi(token=options.token).list_repo_files(name, revision=options.revision, repo_type=options.repo_type)
        except failures() as error:
            raise explain(error, name, options, "the list of files") from None
    prefix = f"{options.subfolder}/" if options.subfolder else ""
    return sorted(file.removeprefix(prefix) for file in files if file.startswith(prefix))


def snapshot(
    name_or_path: str | os.PathLike[str], options: HubOptions = HubOptions(), patterns: list[str] | None = None
) -> Path:
    """The folder that holds the files of a checkpoint that match one of `patterns` (all files without), downloaded if need be.

    Raises:
        FileMissing, HubError, CorruptFile: as `files.get_file`.
    """
    from .files import get_files, pinned

    folder = local_folder(name_or_path)
    if folder is None:
        matches = [
            file for file in list_files(name_or_path, options) if any(fnmatch(file, pattern) for pattern in patterns or ["*"])
        ]
        if not matches:
            raise FileMissing(f"{str(name_or_path)!r} has no file that matches {', '.join(patterns or ['*'])}")
        first, *rest = matches
        [path] = get_files(name_or_path, [first], options)
        get_files(name_or_path, rest, pinned(options, path))
        return path.parents[first.count("/")]
    return folder / options.subfolder
