"""Device maps as pure functions of sizes: strategies on imagined accelerators, and tables by hand."""

import logging

import pytest
import torch
from kit.small_modules import TIED, WithHead, on_meta

from bestiary.core.errors import ConfigError
from bestiary.core.logging import BestiaryWarning
from bestiary.placement.device_map import as_device, device_at, plan_device_map

BLOCK = 4 * (16 * 8 + 16 + 8 * 16 + 8 + 16)
EMBED = 4 * 16 * 8


@pytest.fixture(autouse=True)
def quiet(caplog):
    """The planner's engine reports that the imagined accelerators do not exist."""
    caplog.set_level(logging.CRITICAL, logger="accelerate")


def plan(device_map="auto", layers=6, **kwargs):
    model = on_meta(WithHead, layers=layers)
    kwargs.setdefault("no_split", ["Block"])
    return model, plan_device_map(model, device_map, tied=TIED, **kwargs)


def used(model, table, itemsize=4):
    """Bytes on each device, shared tensors once."""
    sizes = {}
    for name, parameter in model.named_parameters():
        sizes[device_at(table, name)] = sizes.get(device_at(table, name), 0) + parameter.numel() * itemsize
    return sizes


def covers_once(model, table):
    for name, _ in model.named_parameters(remove_duplicate=False):
        parts = name.split(".")
        covering = [".".join(parts[:i]) for i in range(len(parts) + 1) if ".".join(parts[:i]) in table]
        assert len(covering) == 1, (name, table)


@pytest.mark.parametrize("strategy", ["auto", "balanced", "balanced_low_0", "sequential"])
@pytest.mark.parametrize("room", [1.3, 2.6, 4.0, 9.0])
def test_every_tensor_once_under_every_ceiling_and_no_block_cut(strategy, room):
    ceilings = {0: int(room * BLOCK), 1: int(room * BLOCK), "cpu": 3 * BLOCK}
    model, table = plan(strategy, max_memory=ceilings)
    covers_once(model, table)
    for device, size in used(model, table).items():
        assert device == "disk" or size <= ceilings[device]
    for i in range(6):
        inside = {device_at(table, f"body.layers.{i}.{part}") for part in ("norm.weight", "up.weight", "down.bias")}
        assert len(inside) == 1
    assert device_at(table, "head.weight") == device_at(table, "body.embed.weight")


def test_the_strategies_differ_as_they_say():
    ample = dict.fromkeys(range(3), 100 * BLOCK)
    sizes = {strategy: used(*plan(strategy, max_memory=ample)) for strategy in ("balanced", "balanced_low_0", "sequential")}
    assert set(sizes["sequential"]) == {0}
    assert set(sizes["balanced"]) == {0, 1, 2}
    assert max(sizes["balanced"].values()) < sum(sizes["balanced"].values()) / 2
    assert sizes["balanced_low_0"].get(0, 0) < min(sizes["balanced_low_0"][1], sizes["balanced_low_0"][2])
    assert plan("auto", max_memory=ample)[1] == plan("balanced", max_memory=ample)[1]


def test_fast_devices_fill_first_then_the_cpu_then_the_disk():
    _, table = plan("sequential", max_memory={0: 2 * BLOCK + EMBED, "cpu": 2 * BLOCK})
    order = [str(device_at(table, name)) for name in ("body.embed.weight", *(f"body.layers.{i}.up.bias" for i in range(6)))]
    assert order[0] == "0"
    assert order == sorted(order, key=["0", "cpu", "disk"].index)
    assert set(order) == {"0", "cpu", "disk"}


def test_half_precision_fits_twice_as_much():
    ceilings = {0: "4KB", 1: "100KB"}
    count = {}
    for dtype, keep in ((torch.float32, ()), (torch.float16, ()), (torch.float16, ("up",))):
        _, table = plan("sequential", max_memory=ceilings, dtype=dtype, keep_in_fp32=keep)
        count[dtype, keep] = sum(device_at(table, f"body.layers.{i}.up.weight") == 0 for i in range(6))
    assert 1 <= count[torch.float32, ()] < count[torch.float16, ("up",)] < count[torch.float16, ()]
    assert count[torch.float16, ()] >= 2 * count[torch.float32, ()]


def test_everything_on_the_cpu_where_there_is_nothing_else():
    assert plan("auto")[1] == {"": "cpu"} or torch.cuda.is_available()


def test_a_model_that_does_not_say_what_must_stay_whole():
    with pytest.raises(ConfigError, match="_no_split_modules"):
        plan(no_split=(), max_memory={0: 2 * BLOCK, 1: 10 * BLOCK})


@pytest.mark.parametrize(
    ("given", "table"),
    [
        ("cpu", {"": "cpu"}),
        (0, {"": 0}),
        ("cuda:1", {"": 1}),
        (torch.device("cpu"), {"": "cpu"}),
        ({"": "cpu"}, {"": "cpu"}),
        ({"body": 0, "head": 0}, {"body": 0, "head": 0}),
        ({"body.embed": 0, "body": "cpu", "head": "disk"}, {"body.embed": 0, "body": "cpu", "head": "disk"}),
    ],
)
def test_by_hand(given, table):
    assert plan(given)[1] == table


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("fastest", "'fastest' is no device: .* auto, balanced, balanced_low_0, sequential"),
        ({"": "gpu"}, "'gpu' is no device"),
        ({"": -1}, "-1 is no device"),
        ({"body": "cpu"}, "no device for head.weight;"),
        (
            {"body.layers.0": "cpu", "head": "cpu"},
            r"no device for body.embed.weight, body.layers.1.norm.weight, .* and \d+ more",
        ),
        ({"": "cpu", "boddy": 0}, "names 'boddy', which is no part of WithHead. Did you mean 'body'"),
        ({"": "cpu", "body.layers.1.up": "disk"}, r"cuts body.layers.1 \(Block\), .* at body.layers.1.up"),
        ({}, "no device for"),
    ],
)
def test_a_table_that_cannot_be(given, message):
    with pytest.raises(ConfigError, match=message):
        plan(given)


def test_a_ceiling_needs_a_strategy():
    with pytest.warns(BestiaryWarning, match="max_memory is for device_map='auto'"):
        assert plan("cpu", max_memory={"cpu": "1GB"})[1] == {"": "cpu"}
    with pytest.raises(ValueError, match="is not a size"):
        plan("auto", max_memory={"cpu": "1 lot"})


def test_devices():
    assert [as_device(value) for value in (3, "cpu", "disk", "cuda:2", torch.device("cuda", 1), "meta")] == [
        3,
        "cpu",
        "disk",
        2,
        1,
        "meta",
    ]
