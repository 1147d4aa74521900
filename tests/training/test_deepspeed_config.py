"""Configurations of DeepSpeed are filled in as release 5.23 fills them in (recorded from it), without the package."""

import base64
import gc
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from bestiary import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments
from bestiary.core.errors import ArgumentError, MissingDependency
from bestiary.training.deepspeed_config import (
    HfDeepSpeedConfig,
    HfTrainerDeepSpeedConfig,
    deepspeed_config,
    is_deepspeed_zero3_enabled,
    unset_hf_deepspeed_config,
)

FULL = {
    "fp16": {"enabled": "auto", "loss_scale": 0},
    "bf16": {"enabled": "auto"},
    "amp": {"enabled": "auto", "opt_level": "auto"},
    "optimizer": {"type": "AdamW", "params": {"lr": "auto", "betas": "auto", "eps": "auto", "weight_decay": "auto"}},
    "scheduler": {
        "type": "WarmupDecayLR",
        "params": {
            "warmup_min_lr": "auto",
            "warmup_max_lr": "auto",
            "warmup_num_steps": "auto",
            "total_num_steps": "auto",
        },
    },
    "zero_optimization": {
        "stage": 3,
        "reduce_bucket_size": "auto",
        "stage3_prefetch_bucket_size": "auto",
        "stage3_param_persistence_threshold": "auto",
        "stage3_gather_16bit_weights_on_model_save": "auto",
    },
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "steps_per_print": 2000,
    "checkpoint": {"use_node_local_storage": "auto"},
}
# What release 5.23 made of it for the arguments below, 50 updates and a model 16 wide.
RECORDED = {
    "fp16": {"enabled": False, "loss_scale": 0},
    "bf16": {"enabled": True},
    "amp": {"enabled": "auto", "opt_level": "auto"},
    "optimizer": {"type": "AdamW", "params": {"lr": 3e-05, "betas": [0.9, 0.999], "eps": 1e-08, "weight_decay": 0.1}},
    "scheduler": {
        "type": "WarmupDecayLR",
        "params": {"warmup_min_lr": 0, "warmup_max_lr": 3e-05, "warmup_num_steps": 5, "total_num_steps": 50},
    },
    "zero_optimization": {
        "stage": 3,
        "reduce_bucket_size": 256,
        "stage3_prefetch_bucket_size": 230,
        "stage3_param_persistence_threshold": 160,
        "stage3_gather_16bit_weights_on_model_save": "auto",
    },
    "gradient_accumulation_steps": 2,
    "gradient_clipping": 0.5,
    "train_batch_size": 8,
    "train_micro_batch_size_per_gpu": 4,
    "steps_per_print": 2000,
    "checkpoint": {"use_node_local_storage": "auto"},
}


def _args(folder: Path, **options: Any) -> TrainingArguments:
    return TrainingArguments(str(folder), use_cpu=True, **options)


def _model(width: int = 16) -> LlamaForCausalLM:
    sizes = {"hidden_size": width, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.device("meta"):
        return LlamaForCausalLM(LlamaConfig(vocab_size=10, **sizes))


def test_auto_values_are_the_recorded_ones(tmp_path: Path) -> None:
    options = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "max_grad_norm": 0.5, "bf16": True}
    args = _args(tmp_path, learning_rate=3e-5, warmup_steps=5, weight_decay=0.1, **options)
    config = HfTrainerDeepSpeedConfig(FULL)
    config.trainer_config_process(args)
    assert config.is_auto("scheduler.params.total_num_steps")
    config.trainer_config_finalize(args, _model(), 50)
    assert config.config == RECORDED
    assert FULL["gradient_clipping"] == "auto"
    assert (config.is_zero2(), config.is_zero3(), config.is_offload()) == (False, True, False)
    assert config.dtype() == torch.bfloat16
    assert deepspeed_config() is config.config


def test_hidden_sizes_of_the_published_table(tmp_path: Path) -> None:
    config = HfTrainerDeepSpeedConfig(FULL)
    config.trainer_config_finalize(_args(tmp_path), _model(1024), 1)
    found = config.config["zero_optimization"]
    assert found["reduce_bucket_size"] == 1024 * 1024
    assert found["stage3_prefetch_bucket_size"] == int(0.9 * 1024 * 1024)
    assert found["stage3_param_persistence_threshold"] == 10 * 1024


def test_contradictions_are_all_told(tmp_path: Path) -> None:
    given = {"optimizer": {"params": {"lr": 1e-3, "betas": [0.8, 0.9]}}, "train_micro_batch_size_per_gpu": 3}
    config = HfTrainerDeepSpeedConfig(given | {"gradient_clipping": 2.0})
    config.trainer_config_process(_args(tmp_path))
    with pytest.raises(ArgumentError) as error:
        config.trainer_config_finalize(_args(tmp_path), _model(), 50)
    for text in (
        "train_micro_batch_size_per_gpu is 3, per_device_train_batch_size is 8",
        "gradient_clipping is 2.0, max_grad_norm is 1.0",
        "optimizer.params.lr is 0.001, learning_rate is 5e-05",
        "optimizer.params.betas is [0.8, 0.9], adam_beta1 and adam_beta2 is [0.9, 0.999]",
    ):
        assert text in str(error.value)


def test_a_configuration_counts_while_it_is_kept() -> None:
    unset_hf_deepspeed_config()
    kept = HfDeepSpeedConfig({"zero_optimization": {"stage": 3, "offload_param": {"device": "cpu"}}})
    assert is_deepspeed_zero3_enabled()
    assert kept.is_offload()
    del kept
    gc.collect()
    assert not is_deepspeed_zero3_enabled()
    assert deepspeed_config() is None


def test_keys_with_dots() -> None:
    config = HfDeepSpeedConfig({"a": {"b": {"c": 1, "off": False}}})
    assert config.get_value("a.b.c") == 1
    assert config.get_value("a.x.c", 5) == 5
    assert config.find_config_node("a.b.d") == ({"c": 1, "off": False}, "d")
    assert config.is_true("a.b.c")
    assert not config.is_true("a.b.off")
    assert config.is_false("a.b.off")
    assert not config.is_false("a.b.d")
    config.del_config_sub_tree("a.b")
    assert config.config == {"a": {}}
    with pytest.raises(ArgumentError, match=r"has no a\.b"):
        config.del_config_sub_tree("a.b", must_exist=True)


def test_files_and_base64(tmp_path: Path) -> None:
    (tmp_path / "ds.json").write_text(json.dumps(FULL))
    assert HfDeepSpeedConfig(str(tmp_path / "ds.json")).config == FULL
    assert HfDeepSpeedConfig(base64.urlsafe_b64encode(json.dumps(FULL).encode()).decode()).config == FULL
    with pytest.raises(ArgumentError, match="there is no such file"):
        HfDeepSpeedConfig("not_there.json")
    with pytest.raises(ArgumentError, match="deepspeed is a int"):
        HfDeepSpeedConfig(3)


def test_without_the_package_it_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="deepspeed"):
        _args(tmp_path, deepspeed=FULL)


def test_with_the_package_arguments_are_made_and_running_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", ModuleType("deepspeed"))
    args = _args(tmp_path, deepspeed=FULL)
    assert is_deepspeed_zero3_enabled()
    assert args.hf_deepspeed_config.get_value("optimizer.params.lr") == 5e-5
    with pytest.raises(ArgumentError, match="cannot run it yet; fsdp=True shares"):
        Trainer(_model(), args)
    del args
    unset_hf_deepspeed_config()
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(ArgumentError, match="cannot run it yet"):
        Trainer(_model(), _args(tmp_path))
