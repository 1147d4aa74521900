"""Files of checkpoints as libraries of others ask for them, beside the published functions, on folders."""

import json
from pathlib import Path

import pytest
import torch
from transformers import configuration_utils, utils
from transformers.utils import hub as theirs

from bestiary.compat import hub_errors
from bestiary.compat import hub_files as ours
from bestiary.core.errors import CorruptFile, FileMissing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of two shards."""
    for name in ("a.safetensors", "b.safetensors", "config.json"):
        (tmp_path / name).write_text("{}")
    index = {"metadata": {"total_size": 3}, "weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "b.safetensors"}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    return tmp_path


def test_files(folder: Path) -> None:
    for module in (ours, theirs):
        assert module.cached_file(folder, "config.json") == str(folder / "config.json")
        assert module.cached_files(folder, ["config.json", "index.json"]) == [
            str(folder / name) for name in ("config.json", "index.json")
        ]
        assert module.cached_file(folder, "absent", _raise_exceptions_for_missing_entries=False) is None
        assert module.has_file(folder, "config.json") is True
        assert module.has_file(folder, "absent") is False
        with pytest.raises(OSError, match="absent"):
            module.cached_file(folder, "absent")
    with pytest.raises(FileMissing, match="there is no absent in the folder"):
        ours.cached_files(folder, ["config.json", "absent"])


def test_shards(folder: Path) -> None:
    answers = [module.get_checkpoint_shard_files(folder, str(folder / "index.json")) for module in (ours, theirs)]
    assert answers[0] == answers[1]
    with pytest.raises(CorruptFile, match="it has no weight_map"):
        ours.get_checkpoint_shard_files(folder, folder / "config.json")


@pytest.mark.parametrize(
    "path", [f"/x/snapshots/{'a' * 40}/config.json", "/x/snapshots/main/config.json", "/x/config.json", None]
)
@pytest.mark.parametrize("known", [None, "b" * 40])
def test_commits(path: str | None, known: str | None) -> None:
    assert ours.extract_commit_hash(path, known) == theirs.extract_commit_hash(path, known)


@pytest.mark.parametrize("told", [None, {"a": 1, "b": "c"}, "mine/1.0"])
def test_what_servers_are_told(told: dict[str, object] | str | None) -> None:
    """Without the published identifier of a session: this library tells nobody which calls belong together."""
    parts = [part for part in theirs.http_user_agent(told).split("; ") if not part.startswith("session_id/")]
    assert ours.http_user_agent(told).split("; ") == parts
    assert torch.__version__ in ours.http_user_agent()


@pytest.mark.parametrize("release", ["4.0.0", "5.0.0", "99.0.0"])
def test_the_form_for_this_release(release: str) -> None:
    files = ["config.json", f"config.{release}.json", "config.3.1.0.json", "model.safetensors"]
    assert ours.get_configuration_file(files) == configuration_utils.get_configuration_file(files)


def test_errors_of_the_client_and_words_of_variables() -> None:
    for name in ("EntryNotFoundError", "RepositoryNotFoundError", "GatedRepoError", "RevisionNotFoundError"):
        assert getattr(hub_errors, name) is getattr(theirs, name)
    assert utils.ENV_VARS_TRUE_VALUES == hub_errors.ENV_VARS_TRUE_VALUES
