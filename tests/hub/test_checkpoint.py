"""Whole checkpoints by name: shards, one commit, and what breaks on the way."""

import pytest
import torch
from kit.small_modules import Body, never, on_meta, randomise

from bestiary.core.errors import CorruptFile, FileMissing
from bestiary.hub.files import HubOptions, get_file
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.load import load_weights
from bestiary.loading.save import save_weights


@pytest.fixture
def published(hub, tmp_path):
    """A sharded checkpoint on the hub, and the model it came from."""
    model = randomise(Body())
    save_weights(model.state_dict(), tmp_path / "made", max_shard_size=1600)
    return hub.add("org/tiny", {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}), model


def load(**kwargs):
    model = on_meta(Body)
    load_weights(model, Checkpoint.open("org/tiny", HubOptions(**kwargs)), initialise=never)
    return model.state_dict()


def equal(a, b):
    return all(torch.equal(a[key], b[key]) for key in b)


def test_shards_by_name_then_from_the_cache_without_a_call(hub, published):
    assert equal(load(), published[1].state_dict())
    calls = len(hub.requests)
    assert equal(load(local_files_only=True), published[1].state_dict())
    assert len(hub.requests) == calls


def test_cut_transfers_are_resumed(hub, published):
    for name in published[0].commits[published[0].refs["main"]]:
        hub.cut[name] = 1
    assert equal(load(), published[1].state_dict())


def test_a_shard_with_a_wrong_digest(hub, published):
    hub.wrong.add("model-00002-of-00004.safetensors")
    with pytest.raises(CorruptFile, match="model-00002-of-00004.safetensors .*digest"):
        load()
    hub.wrong.clear()
    assert equal(load(), published[1].state_dict())


def test_a_shard_that_is_not_there(published):
    repo, _ = published
    files = dict(repo.commits[repo.refs["main"]])
    del files["model-00002-of-00004.safetensors"]
    repo.commit(files)
    with pytest.raises(FileMissing, match=r"1 of 4 files are missing \(model-00002-of-00004.safetensors\)"):
        load()


def test_half_a_checkpoint_offline_names_the_shards(published):
    Checkpoint.open("org/tiny")
    repo, _ = published
    second = repo.commit(repo.commits[repo.refs["main"]])
    get_file("org/tiny", "model.safetensors.index.json", HubOptions(revision=second))
    with pytest.raises(FileMissing, match=r"4 of 4 files are missing \(model-00001.*network is switched off"):
        load(revision=second, local_files_only=True)
