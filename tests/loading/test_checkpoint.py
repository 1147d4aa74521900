"""Finding the weights of a checkpoint, in which order, and indexes that lie."""

import json

import pytest
import safetensors.torch
import torch

from bestiary.core.errors import CorruptFile, FileMissing, UnsafeFile
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.save import save_weights

STATE = {f"layers.{i}.weight": torch.full((4,), float(i)) for i in range(3)}


def mark(path, value):
    """A weights file that can be told from others."""
    if path.suffix == ".bin":
        torch.save({"mark": torch.tensor([value])}, path)
    else:
        safetensors.torch.save_file({"mark": torch.tensor([value])}, path)


def mark_index(folder, name, shard, value):
    (folder / f"{name}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": {"mark": shard}}))
    mark(folder / shard, value)


def test_order_of_look_up(tmp_path):
    mark_index(tmp_path, "pytorch_model.bin", "pytorch_model-00001-of-00001.bin", 4)
    assert Checkpoint.open(tmp_path).tensor("mark").item() == 4
    mark(tmp_path / "pytorch_model.bin", 3)
    assert Checkpoint.open(tmp_path).tensor("mark").item() == 3
    mark_index(tmp_path, "model.safetensors", "model-00001-of-00001.safetensors", 2)
    assert Checkpoint.open(tmp_path).tensor("mark").item() == 2
    mark(tmp_path / "model.safetensors", 1)
    found = Checkpoint.open(tmp_path)
    assert (found.tensor("mark").item(), found.format, found.where("mark")) == (1, "safetensors", "model.safetensors:mark")
    assert Checkpoint.open(tmp_path, use_safetensors=False).tensor("mark").item() == 3
    assert Checkpoint.open(tmp_path / "pytorch_model.bin").tensor("mark").item() == 3
    mark(tmp_path / "model.fp16.safetensors", 5)
    assert Checkpoint.open(tmp_path, variant="fp16").tensor("mark").item() == 5


def test_sizes_are_known_from_headers(tmp_path):
    save_weights(STATE, tmp_path, max_shard_size=40)
    found = Checkpoint.open(tmp_path)
    assert list(found.keys) == list(STATE)
    assert found.total_bytes == 48
    assert len(found.files) == 2
    assert found.metadata == {"format": "pt"}
    info = found.keys["layers.2.weight"]
    assert (info.dtype, info.shape, info.nbytes, info.file.name) == (
        torch.float32,
        (4,),
        16,
        "model-00002-of-00002.safetensors",
    )


def test_nothing_found_says_what_was_looked_for_and_what_is_there(tmp_path):
    with pytest.raises(FileMissing, match=r"looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin"):
        Checkpoint.open(tmp_path)
    mark(tmp_path / "pytorch_model.bin", 1)
    with pytest.raises(FileMissing, match=r"There is pytorch_model.bin; `use_safetensors` or `variant` excludes it"):
        Checkpoint.open(tmp_path, use_safetensors=True)


@pytest.mark.parametrize(
    ("name", "flag"), [("tf_model.h5", "from_tf"), ("model.ckpt.index", "from_tf"), ("flax_model.msgpack", "from_flax")]
)
def test_foreign_weights_are_named_with_their_flag(tmp_path, name, flag):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(FileMissing, match=f"There is {name}: .* {flag}=True"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        ({"weight_map": {"a": "../x.safetensors"}}, UnsafeFile, "leads outside"),
        ({"weight_map": {"a": "/etc/passwd"}}, UnsafeFile, "leads outside"),
        ({"weight_map": {"a": "sub/../../x"}}, UnsafeFile, "leads outside"),
        ({"weight_map": {"a": "..\\x"}}, UnsafeFile, "leads outside"),
        ({"weight_map": {"a": "C:\\x"}}, UnsafeFile, "leads outside"),
        (
            {"weight_map": {"a": "gone-1.safetensors", "b": "gone-2.safetensors"}},
            FileMissing,
            r"2 of 2 files are missing \(gone-1",
        ),
        ({"weight_map": {"a": "shard.safetensors"}}, CorruptFile, "holds 'a', but it does not"),
        ({"weight_map": {}}, CorruptFile, "no usable weight_map"),
        ({"weight_map": {"a": 3}}, CorruptFile, "no usable weight_map"),
        ({"weight_map": ["a"]}, CorruptFile, "no usable weight_map"),
        ({"metadata": {}}, CorruptFile, "no usable weight_map"),
        ([], CorruptFile, "no usable weight_map"),
        ("{", CorruptFile, "not valid JSON"),
    ],
)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_an_index_that_lies(tmp_path, name, index, error, message):
    suffix = name.rpartition(".")[2]
    mark(tmp_path / f"shard.{suffix}", 1)
    text = (index if isinstance(index, str) else json.dumps(index)).replace("shard.safetensors", f"shard.{suffix}")
    (tmp_path / f"{name}.index.json").write_text(text)
    with pytest.raises(error, match=message):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize("cut", [4, 40, -1])
def test_a_short_shard_is_named_before_any_tensor_is_used(tmp_path, cut):
    save_weights(STATE, tmp_path, max_shard_size=16)
    shard = tmp_path / "model-00002-of-00003.safetensors"
    shard.write_bytes(shard.read_bytes()[:cut])
    with pytest.raises(CorruptFile, match="model-00002-of-00003.safetensors"):
        Checkpoint.open(tmp_path)


def test_tensors_in_memory_are_not_shared():
    state = {"a": torch.ones(2)}
    found = Checkpoint.of(state)
    found.tensor("a").zero_()
    assert state["a"].tolist() == [1.0, 1.0]
    assert found.total_bytes == 8
