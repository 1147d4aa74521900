"""How `fsdp` and `fsdp_config` are read: as release 5.23 reads them, and what a launcher set."""

import json
from pathlib import Path
from typing import Any

import pytest

from bestiary import TrainingArguments
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning
from bestiary.training.sharding.plan import Plan, read

FIVE = pytest.importorskip("transformers")

# What `accelerate launch` sets for the sample configuration of the published guide (FSDP of BERT).
LAUNCHED = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "1",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_BACKWARD_PREFETCH": "BACKWARD_PRE",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    "FSDP_FORWARD_PREFETCH": "false",
    "FSDP_OFFLOAD_PARAMS": "true",
    "FSDP_RESHARD_AFTER_FORWARD": "FULL_SHARD",
    "FSDP_SHARDING_STRATEGY": "1",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
    "FSDP_SYNC_MODULE_STATES": "true",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "BertLayer",
    "FSDP_USE_ORIG_PARAMS": "true",
    "FSDP_ACTIVATION_CHECKPOINTING": "false",
}


@pytest.mark.parametrize(
    "given",
    [
        {"fsdp": True},
        {"fsdp": "full_shard"},
        {"fsdp": "full_shard auto_wrap"},
        {"fsdp": ["shard_grad_op", "auto_wrap"]},
        {"fsdp": "shard_grad_op offload"},
        {"fsdp": "offload"},
        {"fsdp": True, "fsdp_config": {"fsdp_transformer_layer_cls_to_wrap": "BertLayer", "backward_prefetch": "backward_pre"}},
        {"fsdp": True, "fsdp_config": {"version": 2, "state_dict_type": "SHARDED_STATE_DICT", "reshard_after_forward": False}},
        {"fsdp": True, "fsdp_config": {"auto_wrap_policy": "SIZE_BASED_WRAP", "fsdp_min_num_params": 2000}},
        {"fsdp": ""},
        {},
    ],
)
def test_arguments_are_read_as_published(given: dict[str, Any], tmp_path: Path) -> None:
    import copy

    ours = TrainingArguments(str(tmp_path), use_cpu=True, **copy.deepcopy(given))
    theirs = FIVE.TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", **copy.deepcopy(given))
    assert bool(ours.fsdp) == bool(theirs.fsdp)
    assert ours.fsdp_config == theirs.fsdp_config


@pytest.mark.parametrize(
    ("given", "plan"),
    [
        ({"fsdp": "hybrid_shard"}, Plan(copies=True)),
        ({"fsdp": "hybrid_shard_zero2"}, Plan(copies=True, reshards=False)),
        ({"fsdp": "no_shard"}, None),
        ({"fsdp": "full shard"}, Plan()),
        ({"fsdp": True, "fsdp_config": {"fsdp_sharding_strategy": 2}}, Plan(reshards=False)),
        ({"fsdp": True, "fsdp_config": {"fsdp_sharding_strategy": "HYBRID_SHARD"}}, Plan(copies=True)),
        (
            {"fsdp": True, "fsdp_config": {"fsdp_wrap_policy": "SIZE_BASED_WRAP", "min_num_param": 5}},
            Plan(policy="SIZE_BASED_WRAP", least=5),
        ),
        (
            {"fsdp": True, "fsdp_config": '{"offload_params": "true", "activation_checkpointing": true}'},
            Plan(offloads=True, recomputes=True),
        ),
        ({"fsdp": True, "fsdp_config": {"transformer_cls_names_to_wrap": "A, B"}}, Plan(classes=("A", "B"))),
    ],
)
def test_plans(given: dict[str, Any], plan: Plan | None, tmp_path: Path) -> None:
    is_on, config = read(given["fsdp"], given.get("fsdp_config"))
    assert is_on
    assert config is not None
    assert Plan.of(config) == plan
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert read(True, str(path)) == (True, config)
    assert read(True, config) == (True, config)


def test_a_launcher_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(BestiaryWarning, match="version=1 has no effect"):
        args = TrainingArguments(str(tmp_path), use_cpu=True)
    expected: dict[str, Any] = {"offloads": True, "classes": ("BertLayer",), "loads_in_first": True, "saves_shards": True}
    assert args.fsdp
    assert isinstance(args.fsdp_config, dict)
    assert Plan.of(args.fsdp_config) == Plan(**expected)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    said = TrainingArguments(
        str(tmp_path), use_cpu=True, fsdp="shard_grad_op", fsdp_config={"offload_params": False, "fsdp_version": 2}
    )
    assert said.bf16
    assert isinstance(said.fsdp_config, dict)
    assert Plan.of(said.fsdp_config) == Plan(**expected | {"offloads": False, "reshards": False})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fsdp": "full_shrad"}, "Did you mean 'full_shard'"),
        ({"fsdp": "full_shard shard_grad_op"}, "expected one of them"),
        ({"fsdp": True, "fsdp_config": {"state_dict_tipe": 1}}, "Did you mean 'state_dict_type'"),
        ({"fsdp": True, "fsdp_config": {"xla": True}}, "no training on TPUs"),
        ({"fsdp": True, "fsdp_config": {"min_num_params": 3, "transformer_layer_cls_to_wrap": ["A"]}}, "which of them counts"),
        ({"fsdp": True, "fsdp_config": {"auto_wrap_policy": "SIZE_BASED_WRAP"}}, "from which size on"),
        ({"fsdp": True, "fsdp_config": {"state_dict_type": "LOCAL"}}, "expected FULL_STATE_DICT, SHARDED_STATE_DICT"),
        ({"fsdp": True, "fsdp_config": {"sharding_strategy": 6}}, "or a number of 1 to 5"),
        ({"fsdp": True, "fsdp_config": {"cpu_offload": "perhaps"}}, "expected true or false"),
        ({"fsdp": True, "fsdp_config": "not_there.json"}, "there is no such file"),
        ({"fsdp": True, "bf16_full_eval": True}, "bf16_full_eval"),
        ({"fsdp": True, "fp16": True}, "fp16"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainingArguments(str(tmp_path), use_cpu=True, **given)


def test_a_config_alone_is_told(tmp_path: Path) -> None:
    with pytest.warns(BestiaryWarning, match="no effect without fsdp=True"):
        assert not TrainingArguments(str(tmp_path), use_cpu=True, fsdp_config={"version": 2}).fsdp
