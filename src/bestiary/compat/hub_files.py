"""Files of checkpoints as libraries of others ask for them (`transformers.utils.hub`)."""

import os
import platform
import re
from typing import Any

import torch

from ..core.errors import CorruptFile, FileMissing, HubError
from ..core.files import read_json
from ..core.optional import available
from ..hub.files import PUBLISHED as VERSION
from ..hub.files import get_file, of_release, refuse
from ..hub.options import HubOptions
from ..loading.checkpoint import Checkpoint

_Path = str | os.PathLike[str]


def cached_files(
    path_or_repo_id: _Path,
    filenames: list[str],
    *,
    _raise_exceptions_for_missing_entries: bool = True,
    _raise_exceptions_for_gated_repo: bool = True,
    _raise_exceptions_for_connection_errors: bool = True,
    **hub: Any,
) -> list[str] | None:
    """The local paths of a checkpoint's files, downloaded if need be; keywords are those of `from_pretrained` for the hub.

    The private switches leave out what is missing, or answer None where the hub cannot be reached or refuses.

    Raises:
        FileMissing, HubError: as `from_pretrained`.
    """
    options, rest = HubOptions.split(hub)
    refuse(rest, "cached_file")
    paths = []
    for filename in filenames:
        try:
            paths.append(str(get_file(path_or_repo_id, filename, options)))
        except FileMissing:
            if _raise_exceptions_for_missing_entries:
                raise
        except HubError:
            if _raise_exceptions_for_connection_errors and _raise_exceptions_for_gated_repo:
                raise
            return None
    return paths or None


def cached_file(path_or_repo_id: _Path, filename: str, **hub: Any) -> str | None:
    """The same for one file."""
    paths = cached_files(path_or_repo_id, [filename], **hub)
    return paths[0] if paths else None


def has_file(path_or_repo: _Path, filename: str, **hub: Any) -> bool:
    """Whether a checkpoint has a file.

    Raises:
        HubError: the hub cannot be asked.
    """
    return cached_file(path_or_repo, filename, _raise_exceptions_for_missing_entries=False, **hub) is not None


def find_adapter_config_file(model_id: _Path, **hub: Any) -> str | None:
    """The path of the adapter_config.json of a checkpoint; None where it has none, and so is no adapter."""
    return cached_file(
        model_id,
        "adapter_config.json",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        **{name: value for name, value in hub.items() if name != "_commit_hash"},
    )


def get_checkpoint_shard_files(
    pretrained_model_name_or_path: _Path, index_filename: _Path, **hub: Any
) -> tuple[list[str], dict[str, Any]]:
    """The paths of the shards that an index file names, and its metadata with the names of all weights.

    Raises:
        CorruptFile: the file is no index. FileMissing, HubError: a shard cannot be had.
    """
    index = read_json(index_filename)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict):
        raise CorruptFile(f"{index_filename} is no index of shards: it has no weight_map")
    shards = sorted(set(weight_map.values()))
    metadata = {**index.get("metadata", {}), "all_checkpoint_keys": list(weight_map), "weight_map": dict(weight_map)}
    return cached_files(pretrained_model_name_or_path, shards, **hub) or [], metadata


def get_tokenizer_config(pretrained_model_name_or_path: _Path, **hub: Any) -> dict[str, Any]:
    """The content of a checkpoint's tokenizer_config.json; {} where it has none."""
    return _settings(pretrained_model_name_or_path, "tokenizer_config.json", hub)


def get_image_processor_config(pretrained_model_name_or_path: _Path, **hub: Any) -> dict[str, Any]:
    """The same of preprocessor_config.json."""
    return _settings(pretrained_model_name_or_path, "preprocessor_config.json", hub)


get_feature_extractor_config = get_image_processor_config


def _settings(name_or_path: _Path, filename: str, hub: dict[str, Any]) -> dict[str, Any]:
    path = cached_file(name_or_path, filename, _raise_exceptions_for_missing_entries=False, **hub)
    return {} if path is None else dict(read_json(path))


def get_configuration_file(configuration_files: list[str]) -> str:
    """Of config.json and its forms for several releases (`config.4.0.0.json`), the newest that this release reads."""
    return of_release("config.json", configuration_files)


def load_state_dict(
    checkpoint_file: _Path,
    map_location: str | torch.device = "cpu",
    weights_only: bool = True,
    disable_mmap: bool | None = None,
) -> dict[str, torch.Tensor]:
    """Name -> tensor, of one file of weights, on the device `map_location`.

    Such a file is read by map where it can be, and so that no code in it runs, whatever `disable_mmap` and `weights_only` are.
    """
    checkpoint = Checkpoint.open(checkpoint_file)
    return {name: checkpoint.tensor(name).to(map_location) for name in checkpoint.keys}


def extract_commit_hash(resolved_file: str | None, commit_hash: str | None = None) -> str | None:
    """The revision in the path of a file of the hub's cache; `commit_hash` where it is known already."""
    if resolved_file is None or commit_hash is not None:
        return commit_hash
    match = re.search(r"snapshots/([0-9a-f]{40})/", str(resolved_file).replace(os.sep, "/"))
    return match[1] if match else None


def http_user_agent(user_agent: dict[str, Any] | str | None = None) -> str:
    """What to tell a server that is asked for files: this library's and Python's version, torch's, and what is given."""
    from importlib import metadata

    told = [f"transformers/{VERSION}", f"python/{platform.python_version()}"]
    if available("torch"):
        told.append(f"torch/{metadata.version('torch')}")
    if isinstance(user_agent, dict):
        told += [f"{name}/{value}" for name, value in user_agent.items()]
    elif user_agent:
        told.append(user_agent)
    return "; ".join(told)
