"""Saving: which files, in which sizes, and what is left when it fails."""

import json
import os

import huggingface_hub
import pytest
import safetensors.torch
import torch
from kit.small_modules import TIED, Body, WithHead, randomise

from bestiary.core.errors import ArgumentError, InputError, LoadError, SaveError
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.save import load_sharded_checkpoint, save_weights

SHARDED = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
SHARDED_BIN = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"]
WAYS = {
    "one": ({}, ["model.safetensors"]),
    "shards": ({"max_shard_size": 3000}, SHARDED),
    "bin": ({"safe_serialization": False}, ["pytorch_model.bin"]),
    "bin shards": ({"safe_serialization": False, "max_shard_size": 3000}, SHARDED_BIN),
}


def listing(folder):
    return sorted(os.listdir(folder))


def content(folder):
    found = Checkpoint.open(folder)
    return {key: found.tensor(key) for key in found.keys}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_a_folder_holds_one_set_of_weights(tmp_path, first, second):
    (tmp_path / "config.json").write_text("{}")
    old, new = (randomise(Body(), seed).state_dict() for seed in (1, 2))
    save_weights(old, tmp_path, **WAYS[first][0])
    written = save_weights(new, tmp_path, **WAYS[second][0])
    assert listing(tmp_path) == sorted([*WAYS[second][1], "config.json"])
    assert [path.name for path in written] == WAYS[second][1]
    assert equal(content(tmp_path), new)


def test_variants_live_side_by_side(tmp_path):
    one, two = (randomise(Body(), seed).state_dict() for seed in (1, 2))
    save_weights(one, tmp_path)
    save_weights(two, tmp_path, variant="fp16", max_shard_size=3000)
    assert listing(tmp_path) == [
        "model-00001-of-00002.fp16.safetensors",
        "model-00002-of-00002.fp16.safetensors",
        "model.safetensors",
        "model.safetensors.index.fp16.json",
    ]
    assert equal(content(tmp_path), one)
    assert Checkpoint.open(tmp_path, variant="fp16").total_bytes == sum(value.nbytes for value in two.values())
    save_weights(two, tmp_path, variant="fp16")
    assert listing(tmp_path) == ["model.fp16.safetensors", "model.safetensors"]


@pytest.mark.parametrize(
    "variant", ["../..", "../../x", "/abs", "a/b", "a\\b", "a\0b", ".", "..", "\n", 5, "x" * 300], ids=repr
)
def test_a_variant_that_leaves_the_folder(tmp_path, variant):
    inner = tmp_path / "in" / "side"
    with pytest.raises(ArgumentError, match="variant is .*expected a word"):
        save_weights({"a": torch.ones(1)}, inner, variant=variant)
    inner.mkdir(parents=True)
    with pytest.raises(ArgumentError, match="variant is .*expected a word"):
        Checkpoint.open(inner, variant=variant)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("state", [{"a": 5}, {"a": None}, {5: torch.ones(1)}], ids=str)
def test_what_is_no_state_dict(tmp_path, state):
    with pytest.raises(InputError, match="tensors by name; found"):
        save_weights(state, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("limit", [100, 200, 300, 512, 600, 1000, 2000, 4000, 5 * 10**9])
def test_shards_are_cut_as_the_hub_client_cuts_them(tmp_path, limit):
    state = randomise(Body(layers=5)).state_dict()
    save_weights(state, tmp_path, max_shard_size=limit)
    expected = huggingface_hub.split_torch_state_dict_into_shards(
        state, filename_pattern="model{suffix}.safetensors", max_shard_size=limit
    )
    assert {name for name in listing(tmp_path) if name.endswith(".safetensors")} == set(expected.filename_to_tensors)
    for name, keys in expected.filename_to_tensors.items():
        assert safetensors.torch.load_file(tmp_path / name).keys() == set(keys)
    assert equal(content(tmp_path), state)


def test_the_index_counts_every_byte_once(tmp_path):
    state = randomise(WithHead()).state_dict()
    save_weights(state, tmp_path, max_shard_size="1KB", tied=TIED)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    kept = {key: value for key, value in state.items() if key != "head.weight"}
    assert index["metadata"] == {
        "total_size": sum(value.nbytes for value in kept.values()),
        "total_parameters": sum(value.numel() for value in kept.values()),
    }
    assert index["weight_map"].keys() == kept.keys()


@pytest.mark.parametrize("size", ["100", "1XB", "GB", "-1GB", 0, 1.5, "", "0KB"])
def test_a_size_without_a_unit_is_refused(tmp_path, size):
    with pytest.raises(InputError, match="is not a size"):
        save_weights({"a": torch.ones(1)}, tmp_path, max_shard_size=size)


@pytest.mark.parametrize(("text", "count"), [("1KB", 1000), ("2mb", 2 * 10**6), ("1.5 GB", 15 * 10**8), ("1KiB", 1024), (7, 7)])
def test_sizes(text, count):
    from bestiary.core.sizes import parse_size

    assert parse_size(text) == count


def test_shared_and_strided_tensors_are_saved_whole(tmp_path):
    whole = torch.arange(12.0)
    state = {"a": whole, "b": whole[2:4], "c": whole.view(3, 4).t(), "d": whole}
    for safe in (True, False):
        save_weights(state, tmp_path, safe_serialization=safe)
        assert equal(content(tmp_path), state)


def test_a_tie_that_does_not_hold_is_not_saved(tmp_path):
    save_weights({"old": torch.ones(1)}, tmp_path)
    state = randomise(WithHead(tied=False)).state_dict()
    with pytest.raises(SaveError, match=r"head.weight and body.embed.weight are declared tied but differ.*tie_weights\(\)"):
        save_weights(state, tmp_path, tied=TIED)
    assert content(tmp_path).keys() == {"old"}
    state["head.weight"] = state["body.embed.weight"].clone()
    save_weights(state, tmp_path, tied=TIED)
    assert "head.weight" not in content(tmp_path)


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(SaveError, match="have no data"):
        save_weights({"a": torch.empty(2, device="meta")}, tmp_path)
    with pytest.raises(SaveError, match=r"a \(torch.complex128\)"):
        save_weights({"a": torch.ones(1, dtype=torch.complex128)}, tmp_path)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("after", WAYS)
def test_a_disk_that_fills_leaves_the_old_files_whole(tmp_path, monkeypatch, before, after):
    old, new = (randomise(Body(), seed).state_dict() for seed in (1, 2))
    save_weights(old, tmp_path, **WAYS[before][0])
    names = listing(tmp_path)
    room = iter([None] * (1 if "shards" in after else 0))  # full on the last file

    def full(writer):
        def write(path, *args):
            writer(path, *args)
            if next(room, "full") == "full":
                raise OSError(28, "No space left on device")

        return write

    for module in ("safetensors", "torch_zip"):
        target = f"bestiary.loading.formats.{module}.write"
        original = __import__(f"bestiary.loading.formats.{module}", fromlist=["write"]).write
        monkeypatch.setattr(target, full(original))
    with pytest.raises(SaveError, match=r"the disk is full.* bytes are needed"):
        save_weights(new, tmp_path, **WAYS[after][0])
    assert listing(tmp_path) == names
    assert equal(content(tmp_path), old)


class Killed(BaseException):
    """The process is gone at this point."""


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("step", range(6))
def test_a_kill_between_any_two_renames_leaves_one_whole_set(tmp_path, monkeypatch, first, second, step):
    old, new = (randomise(WithHead(), seed).state_dict() for seed in (1, 2))
    save_weights(old, tmp_path, **WAYS[first][0])
    rename, calls = os.replace, iter(range(100))

    def replace(source, target):
        if next(calls) == step:
            raise Killed
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    try:
        save_weights(new, tmp_path, **WAYS[second][0])
    except Killed:
        assert equal(content(tmp_path), old) or equal(content(tmp_path), new)
    else:
        assert equal(content(tmp_path), new)
    monkeypatch.undo()
    (tmp_path / ".model-00001-of-00002.safetensors.abc.partial").write_bytes(b"left by a kill")
    save_weights(new, tmp_path, **WAYS[second][0])
    assert listing(tmp_path) == WAYS[second][1]


def test_too_little_space_is_told_before_anything_is_written(tmp_path, monkeypatch):
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    state = randomise(Body()).state_dict()
    needed = sum(value.nbytes for value in state.values())
    with pytest.raises(SaveError, match=r"the weights need (\d+) bytes.* has 1000 free; nothing was written") as caught:
        save_weights(state, tmp_path)
    assert int(str(caught.value).split()[3]) >= needed
    assert listing(tmp_path) == []


@pytest.mark.parametrize("way", ["shards", "bin shards"])
def test_load_sharded_checkpoint(tmp_path, way):
    model, other = randomise(Body(), 1), randomise(Body(), 2)
    save_weights(model.state_dict(), tmp_path, **WAYS[way][0])
    pointers = [parameter.data_ptr() for parameter in other.parameters()]
    assert load_sharded_checkpoint(other, tmp_path) == ([], [])
    assert equal(other.state_dict(), model.state_dict())
    assert [parameter.data_ptr() for parameter in other.parameters()] == pointers


def test_load_sharded_checkpoint_is_strict_before_it_changes_anything(tmp_path):
    state = randomise(Body(), 1).state_dict()
    state["extra.weight"] = state.pop("layers.1.up.bias")
    save_weights(state, tmp_path, max_shard_size=3000)
    model = randomise(Body(), 2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"(?s)missing +layers.1.up.bias.*unexpected +extra.weight"):
        load_sharded_checkpoint(model, tmp_path)
    assert equal(model.state_dict(), before)
    missing, unexpected = load_sharded_checkpoint(model, tmp_path, strict=False)
    assert (missing, unexpected) == (["layers.1.up.bias"], ["extra.weight"])
    assert torch.equal(model.embed.weight, state["embed.weight"])
    with pytest.raises(LoadError, match="mismatched"):
        load_sharded_checkpoint(Body(words=20), tmp_path, strict=False)


def test_load_sharded_checkpoint_wants_an_index_and_prefers_safetensors(tmp_path):
    with pytest.raises(ValueError, match="holds neither"):
        load_sharded_checkpoint(Body(), tmp_path)
    one, two = (randomise(Body(), seed).state_dict() for seed in (1, 2))
    save_weights(one, tmp_path, max_shard_size=3000)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    save_weights(two, tmp_path, max_shard_size=3000, safe_serialization=False)
    for name, data in kept.items():
        (tmp_path / name).write_bytes(data)
    model = Body()
    load_sharded_checkpoint(model, tmp_path)
    assert equal(model.state_dict(), one)
    load_sharded_checkpoint(model, tmp_path, prefer_safe=False)
    assert equal(model.state_dict(), two)


def test_a_tied_model_takes_its_one_tensor_for_both_names(tmp_path):
    model = randomise(WithHead(), 1)
    save_weights(model.state_dict(), tmp_path, tied=TIED, max_shard_size=1000)
    other = randomise(WithHead(), 2)
    assert load_sharded_checkpoint(other, tmp_path) == ([], [])
    assert equal(other.state_dict(), model.state_dict())
