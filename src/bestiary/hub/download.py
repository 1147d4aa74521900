"""One file of the hub through the `huggingface_hub` client: every way it can fail has a sentence that says what to do."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, BestiaryError, CorruptFile, FileMissing, HubError
from .options import HubOptions, cache_folder, network_is_off, offline


def from_hub(name: str, filename: str, options: HubOptions) -> Path | None:
    """The cached or downloaded `filename` of the repository `name`; None when it has none.

    Raises:
        FileMissing, HubError, CorruptFile, ArgumentError: see `explain`.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if options.force_download and offline(options):
        raise ArgumentError(f"force_download=True needs the network, and {network_is_off(options)}")
    cached = _in_cache(name, filename, options)
    if not isinstance(cached, str) and not offline(options):
        reach(name, filename, options)
    try:
        path = hf_hub_download(
            name,
            filename,
            revision=options.revision,
            cache_dir=cache_folder(options),
            token=options.token,
            local_files_only=offline(options),
            force_download=options.force_download,
            repo_type=options.repo_type,
        )
    except LocalEntryNotFoundError as error:
        if _known_absent(name, filename, options):
            return None
        raise explain(error, name, options, filename) from None
    except EntryNotFoundError:
        return None
    except failures() as error:
        raise explain(error, name, options, filename) from None
    if path != cached or options.force_download:
        _verify(Path(path))
    return Path(path)


_reached_endpoints: set[str] = set()


def reach(name: str, filename: str, options: HubOptions) -> None:
    """Check with one short call that the hub answers; the client itself would retry for half a minute and log it.

    Raises:
        HubError: it does not.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if constants.ENDPOINT in _reached_endpoints:
        return
    timeout = constants.HF_HUB_ETAG_TIMEOUT if "HF_HUB_ETAG_TIMEOUT" in os.environ else 5
    try:
        url = hf_hub_url(name, filename, revision=options.revision, repo_type=options.repo_type)
        get_hf_file_metadata(url, token=options.token, timeout=timeout)
    except (HfHubHTTPError, HFValidationError):
        pass  # an answer, which the client asks for again and which is explained there
    except failures() as error:
        raise HubError(
            f"{name!r} is no folder here, {filename} of it is not in the cache {cache_folder(options)}, and we couldn't connect"
            f" to {constants.ENDPOINT!r}: the hub cannot be reached ({_short(error)}); check the path, or the network. With"
            " HF_HUB_OFFLINE=1 (offline mode) only the cache is looked at"
        ) from None
    _reached_endpoints.add(constants.ENDPOINT)


def failures() -> tuple[type[Exception], ...]:
    """What the client raises when a call fails; its HTTP library, which has changed, is known by its base class."""
    from huggingface_hub.errors import HfHubHTTPError

    return (RuntimeError, OSError, ValueError, *(base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)))


def explain(error: Exception, name: str, options: HubOptions = HubOptions(), what: str = "") -> BestiaryError:
    """The client's error as one of this library, which names the file or repository, the answer and what to do."""
    from huggingface_hub import constants
    from huggingface_hub import errors as hub

    item = f"{what} of {name!r}" if what else repr(name)
    if isinstance(error, hub.LocalEntryNotFoundError):
        if offline(options):
            return FileMissing(f"{item} is not in the cache {cache_folder(options)}, and {network_is_off(options)}")
        return HubError(f"{item} is not in the cache {cache_folder(options)}, and the hub cannot be reached: {_short(error)}")
    if isinstance(error, hub.GatedRepoError):
        return HubError(
            f"{name!r} is a gated repo: ask for access on its page, then log in or pass token= of the account that has it"
        )
    if isinstance(error, hub.RepositoryNotFoundError):
        return FileMissing(
            f"{name!r} is not a local folder and is not a valid model identifier listed on {constants.ENDPOINT!r}, or it is "
            "private: check the spelling, or pass token= of an account that sees it"
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return FileMissing(
            f"{options.revision!r} is not a valid git identifier (branch name, tag name or commit id) of {name!r};"
            " its page on the hub lists them"
        )
    if isinstance(error, hub.HFValidationError):
        return FileMissing(f"{name!r} is neither a folder here nor a valid name on the hub: {_short(error)}")
    status = error.response.status_code if isinstance(error, hub.HfHubHTTPError) else None
    if status in (401, 403):
        return HubError(f"the hub refused {item} (HTTP {status}): the token is missing, invalid or lacks the permission")
    if status is not None:
        return HubError(f"the hub failed on {item} (HTTP {status}): {_short(error)}")
    return HubError(f"{item} could not be transferred, what was there before is unchanged; try again: {_short(error)}")


def _short(error: Exception) -> str:
    """The first line of the error's text, at most 300 characters; the name of its class where it has no text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _in_cache(name: str, filename: str, options: HubOptions) -> Any:
    """The cached path, None, or the client's mark for a file known not to exist."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return try_to_load_from_cache(name, filename, cache_folder(options), options.revision, options.repo_type)
    except HFValidationError as error:
        raise explain(error, name, options, filename) from None


def _known_absent(name: str, filename: str, options: HubOptions) -> bool:
    """Whether the cache says that the repository has no such file, or, offline, holds the repository without it."""
    from huggingface_hub import _CACHED_NO_EXIST

    if _in_cache(name, filename, options) is _CACHED_NO_EXIST:
        return True
    return offline(options) and cached_snapshot(name, options) is not None


def cached_snapshot(name: str, options: HubOptions) -> Path | None:
    """The folder of the cache that holds the revision `options.revision` of `name`, complete or not."""
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(cache_folder(options)) / repo_folder_name(repo_id=name, repo_type=options.repo_type)
    ref = folder / "refs" / (options.revision or "main")
    commit = ref.read_text().strip() if ref.is_file() else options.revision or ""
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def _verify(path: Path) -> None:
    """Check a fresh download against the digest it was announced with, which is the name it has in the cache.

    Raises:
        CorruptFile: they differ; the file is removed, so that the next call fetches it anew.
    """
    blob = path.resolve()
    size = blob.stat().st_size
    if blob.parent.name != "blobs" or not re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", blob.name):
        return  # a cache without links, or a server whose tags are no digests
    digest = hashlib.sha256() if len(blob.name) == 64 else hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with open(blob, "rb") as file:
        while chunk := file.read(2**22):
            digest.update(chunk)
    if digest.hexdigest() != blob.name:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise CorruptFile(
            f"{path.name} ({size} bytes) arrived with digest {digest.hexdigest()[:12]}..., announced was {blob.name[:12]}...; "
            "the download was removed: try again"
        )
