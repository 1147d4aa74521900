"""A model spread over cpu and disk computes what the whole model computes, and can be saved."""

import random
from functools import partial

import pytest
import torch
from kit.small_modules import TIED, WithHead, never, on_meta, randomise

from bestiary.core.errors import ConfigError, InputError
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.load import LoadPlan, load_weights
from bestiary.loading.save import save_weights
from bestiary.placement.device_map import plan_device_map
from bestiary.placement.dispatch import dispatch
from bestiary.placement.offload import read_tensor

IDS = torch.arange(10).view(2, 5)
PARTS = ["body.embed", "body.layers.0", "body.layers.1", "body.layers.2", "head"]
MAPS = [{"": "disk"}, {"": "cpu"}, {"body": "disk", "head": "cpu"}, {"body": "cpu", "head": "disk"}] + [
    {part: random.Random(seed * 100 + i).choice(["cpu", "disk"]) for i, part in enumerate(PARTS)} for seed in range(6)
]


def opened(folder, device_map, tied=True, offload=None, dtype=None):
    ties = TIED if tied else {}
    model = on_meta(WithHead, tied)
    table = plan_device_map(model, device_map, no_split=["Block"], tied=ties)
    plan = LoadPlan(dtype=dtype, device_map=table, offload_folder=offload)
    report = load_weights(model, Checkpoint.open(folder), plan=plan, tied=ties, initialise=never)
    dispatch(model, table, offload, report.offload_index)
    return model.eval(), table


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("device_map", MAPS, ids=str)
def test_any_map_computes_the_same(tmp_path, device_map, tied, safe):
    model = randomise(WithHead(tied))
    ties = TIED if tied else {}
    save_weights(model.state_dict(), tmp_path / "saved", tied=ties, safe_serialization=safe)
    found, table = opened(tmp_path / "saved", device_map, tied, tmp_path / "offload")
    with torch.no_grad():
        assert torch.equal(found(IDS), model(IDS))
        assert torch.equal(found(ids=IDS), model(IDS))
    assert found.hf_device_map == table
    on_disk = {name for name, parameter in found.named_parameters() if parameter.is_meta}
    assert bool(on_disk) == ("disk" in table.values())
    save_weights(found.state_dict(), tmp_path / "again", tied=ties, fetch=partial(read_tensor, found))
    again = Checkpoint.open(tmp_path / "again")
    assert all(torch.equal(again.tensor(key), model.state_dict()[key]) for key in again.keys)
    assert len(again.keys) == (19 if tied else 20)


def test_safetensors_themselves_are_the_store(tmp_path):
    save_weights(randomise(WithHead()).state_dict(), tmp_path / "saved", tied=TIED)
    found, _ = opened(tmp_path / "saved", {"": "disk"}, offload=tmp_path / "offload")
    assert found(IDS).shape == (2, 5, 16)
    assert not (tmp_path / "offload").exists()


@pytest.mark.parametrize(("safe", "dtype"), [(True, torch.float64), (False, None)])
def test_what_cannot_be_read_in_place_needs_a_folder(tmp_path, safe, dtype):
    model = randomise(WithHead())
    save_weights(model.state_dict(), tmp_path / "saved", tied=TIED, safe_serialization=safe)
    device_map = {"body": "disk", "head": "cpu"}
    with pytest.raises(ValueError, match=r"device_map .* disk.* offload_folder"):
        opened(tmp_path / "saved", device_map, dtype=dtype)
    found, _ = opened(tmp_path / "saved", device_map, offload=tmp_path / "offload", dtype=dtype)
    assert torch.allclose(found(IDS).double(), model(IDS).double(), atol=1e-4)
    assert len(list((tmp_path / "offload").iterdir())) == 19


def test_a_model_in_memory_is_written_to_the_folder(tmp_path):
    model, same = randomise(WithHead()), randomise(WithHead())
    with pytest.raises(ConfigError, match="give offload_folder"):
        dispatch(model, {"body": "disk", "head": "cpu"})
    dispatch(model, {"body": "disk", "head": "cpu"}, tmp_path)
    assert torch.equal(model(IDS), same(IDS))


def test_moving_a_spread_model_is_refused(tmp_path):
    save_weights(randomise(WithHead()).state_dict(), tmp_path, tied=TIED)
    found, _ = opened(tmp_path, {"body": "disk", "head": "cpu"})
    with pytest.raises(RuntimeError, match="offloaded"):
        found.to("cpu")


def test_a_tensor_without_data():
    with pytest.raises(InputError, match="meta device"):
        read_tensor(on_meta(WithHead), "body.embed.weight")
