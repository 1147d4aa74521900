"""The options for finding files, the one switch for offline, and the folder of downloads."""

import os
from dataclasses import dataclass, fields
from typing import Any, Self, TypedDict

from ..core.errors import ArgumentError
from ..core.kinds import describe, fits
from ..core.logging import warn_once

NameOrPath = str | os.PathLike[str]  # a name on the hub, a folder or a file

_LEGACY_CACHE = ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE")

# Older keywords, and the values of them that ask for what happens anyway.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "resume_download": (True, False, None),  # a broken transfer is always resumed
    "proxies": (None,),
    "mirror": (None,),
    "code_revision": (None,),
}

_KINDS: dict[str, Any] = {
    "subfolder": str,
    "revision": str | None,
    "token": str | bool | None,
    "repo_type": str,
    "local_files_only": bool,
    "force_download": bool,
}


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

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            value = vars(self)[name]
            if not fits(value, kind):
                raise ArgumentError(f"{name} is {value!r:.60}; expected {describe(kind)}")

    @classmethod
    def split(cls, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Take the hub's keywords out of `kwargs`, older spellings included; returns them and the rest."""
        kwargs = {name: value for name, value in kwargs.items() if value not in _WITHOUT_EFFECT.get(name, ())}
        if (older := kwargs.pop("use_auth_token", None)) is not None:
            warn_once("use-auth-token", "use_auth_token= is now token=")
            if kwargs.get("token") not in (None, older):
                raise ArgumentError("token= and its older name use_auth_token= say different things; pass token= alone")
            kwargs["token"] = older
        names = {field.name for field in fields(cls)}
        rest = {name: value for name, value in kwargs.items() if name not in names}
        return cls(**{name: value for name, value in kwargs.items() if name in names and value is not None}), rest


class HubKeywords(TypedDict, total=False):
    """`HubOptions` as keywords, with their older spellings."""

    subfolder: str
    revision: str | None
    cache_dir: str | os.PathLike[str] | None
    token: str | bool | None
    local_files_only: bool
    force_download: bool
    repo_type: str
    use_auth_token: str | bool | None
    resume_download: bool | None
    proxies: None
    mirror: None


def offline(options: HubOptions) -> bool:
    """The one switch: `local_files_only`, or HF_HUB_OFFLINE, BESTIARY_OFFLINE, TRANSFORMERS_OFFLINE at 1, true, yes, on."""
    return bool(_offline_by(options))


def network_is_off(options: HubOptions) -> str:
    """The half sentence of messages that says so, and by what; for when `offline(options)`."""
    return f"the network is switched off ({_offline_by(options)})"


def _offline_by(options: HubOptions) -> str:
    """What switches the network off, as a user writes it; empty where nothing does."""
    if options.local_files_only:
        return "local_files_only=True"
    names = ("HF_HUB_OFFLINE", "BESTIARY_OFFLINE", "TRANSFORMERS_OFFLINE")
    values = ((name, os.environ.get(name, "")) for name in names)
    return next((f"{name}={value}" for name, value in values if value.lower() in {"1", "true", "yes", "on"}), "")


def cache_folder(options: HubOptions = HubOptions()) -> str:
    """The folder of downloads: `cache_dir`, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, the older TRANSFORMERS_CACHE (and its
    two forerunners), HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub; the first that is given.
    """
    from huggingface_hub import constants

    if options.cache_dir is not None:
        return os.path.expanduser(os.fspath(options.cache_dir))
    explicit = any(os.environ.get(name) for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"))
    legacy = next((folder for name in _LEGACY_CACHE if (folder := os.environ.get(name))), None)
    return os.path.expanduser(legacy) if legacy and not explicit else str(constants.HF_HUB_CACHE)
