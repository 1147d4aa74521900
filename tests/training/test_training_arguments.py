"""`TrainingArguments`: the published fields and defaults, what is refused, older spellings."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import transformers

import bestiary
from bestiary import HfArgumentParser, SchedulerType, TrainingArguments
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.training.older_arguments import LATER, NEVER, RENAMED, WITHOUT_CHOICE

# Of this library alone, or of older releases.
OWN = {"past_index", "max_nonfinite_updates", "training_report"}


def test_fields_and_defaults_are_the_published_ones() -> None:
    published = {each.name for each in dataclasses.fields(transformers.TrainingArguments) if each.init}
    ours = {each.name for each in dataclasses.fields(TrainingArguments)}
    assert ours - published == OWN
    assert published - ours == {name for name in (*LATER, *NEVER, *RENAMED, *WITHOUT_CHOICE) if name in published}
    theirs = transformers.TrainingArguments("out", use_cpu=True, disable_tqdm=False).to_dict()
    mine = TrainingArguments("out", use_cpu=True, disable_tqdm=False).to_dict()
    same = ours - OWN - {"hub_token"}  # hidden there also where there is none
    assert {name: mine[name] for name in same} == {name: theirs[name] for name in same}


def test_steps_below_one_are_parts(tmp_path: Path) -> None:
    args = TrainingArguments(str(tmp_path), warmup_steps=0.25, logging_steps=0.5, eval_strategy="steps")
    assert args.get_warmup_steps(10) == 3
    assert args.eval_steps == 0.5
    assert args.do_eval


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate is -1.0; expected a number of at least 0"),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size is 0"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps is 0"),
        ({"num_train_epochs": float("nan")}, "num_train_epochs is nan"),
        ({"save_total_limit": 0}, "save_total_limit is 0"),
        ({"logging_steps": 0}, "logging_steps is 0"),
        ({"save_steps": 1.5}, "save_steps is 1.5; above 1 it counts steps"),
        ({"label_smoothing_factor": 1.0}, "label_smoothing_factor is 1.0"),
        ({"adam_beta1": 1.0}, "adam_beta1 is 1.0"),
        ({"fp16": True, "bf16": True}, "fp16 and bf16"),
        ({"bf16": "yes"}, "bf16 is 'yes'; expected True or False"),
        ({"warmup_ratio": 2}, "warmup_ratio is 2; expected a part of all steps"),
        ({"load_best_model_at_end": True}, "eval_strategy and save_strategy differ: 'no' and 'steps'"),
        ({"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 300}, "no multiple of eval_steps"),
        ({"save_strategy": "best"}, "needs an eval_strategy"),
        ({"metric_for_best_model": "taste"}, "say greater_is_better"),
        ({"dataloader_prefetch_factor": 2}, "needs dataloader_num_workers"),
        ({"lr_scheduler_kwargs": "{"}, "lr_scheduler_kwargs is '{', which is no JSON"),
        ({"log_level": "infos"}, "Did you mean 'info'"),
        ({"train_sampling_strategy": "group"}, "expected one of random, sequential"),
        ({"learningrate": 1}, "has no 'learningrate'. Did you mean 'learning_rate'"),
        ({"liger_kernel_config": {"a": 1}}, "models here are made of others"),
        ({"report_to": ["tensorbord"]}, "report_to names 'tensorbord'; .*Did you mean 'tensorboard'"),
        ({"debug": "tpu_metrics_debug"}, "metrics of TPUs"),
        ({"evaluation_strategy": "steps", "eval_strategy": "epoch"}, "older name of eval_strategy, and both are said"),
    ],
)
def test_what_has_no_meaning_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainingArguments("out", **values)


def test_older_spellings_are_told_and_taken() -> None:
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="evaluation_strategy is now called eval_strategy"):
        args = TrainingArguments("out", evaluation_strategy="epoch")
    assert args.eval_strategy == "epoch"
    with pytest.warns(BestiaryWarning, match="warmup_ratio is now called warmup_steps"):
        assert TrainingArguments("out", warmup_ratio=0.1).get_warmup_steps(100) == 10
    with pytest.warns(BestiaryWarning, match="group_by_length is now called"):
        assert TrainingArguments("out", group_by_length=True).train_sampling_strategy == "group_by_length"
    with pytest.warns(BestiaryWarning, match="overwrite_output_dir=True has no effect"):
        TrainingArguments("out", overwrite_output_dir=True)
    with pytest.warns(BestiaryWarning):
        args = TrainingArguments(
            "some/out",
            xpu_backend="gloo",
            include_inputs_for_metrics=True,
            include_tokens_per_second=True,
            use_mps_device=True,
            push_to_hub_organization="us",
            fsdp_min_num_params=7,
            fsdp_transformer_layer_cls_to_wrap="Block",
            use_cpu=True,
        )
    assert (args.ddp_backend, args.include_for_metrics, args.hub_model_id) == ("gloo", ["inputs"], "us/out")
    assert args.fsdp_config == {"min_num_params": 7, "transformer_layer_cls_to_wrap": "Block"}
    with pytest.raises(ArgumentError, match="older name of min_num_params in fsdp_config"):
        TrainingArguments("out", fsdp_min_num_params=7, fsdp_config={"min_num_params": 8})
    forget_warnings()


def test_setters_and_the_command_line(tmp_path: Path) -> None:
    args = TrainingArguments(str(tmp_path)).set_training(batch_size=3, num_epochs=2).set_lr_scheduler("cosine", warmup_steps=5)
    assert (args.per_device_train_batch_size, args.lr_scheduler_type, args.do_train) == (3, SchedulerType.COSINE, True)
    with pytest.raises(ArgumentError, match="batch_size is 0"):
        args.set_evaluate(batch_size=0)
    assert args.per_device_eval_batch_size == 8
    words = ["--output_dir", "x", "--warmup_steps", "0.1", "--bf16", "--include_for_metrics", "inputs", "--optim", "sgd"]
    [parsed] = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(words)
    assert parsed == TrainingArguments("x", warmup_steps=0.1, bf16=True, include_for_metrics=["inputs"], optim="sgd")
    assert TrainingArguments(**parsed.to_dict()) == parsed
    older = ["--output_dir", "x", "--evaluation_strategy", "steps", "--no_cuda", "--warmup_ratio", "0.2"]
    [parsed] = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(older)
    assert parsed == TrainingArguments("x", eval_strategy="steps", use_cpu=True, warmup_steps=0.2)
    assert all(isinstance(value, bool | int | float | str) for value in parsed.to_sanitized_dict().values())


@pytest.mark.parametrize("given", [{}, {"bf16": True}, {"ddp_timeout": 60, "activation_checkpointing": True}])
def test_what_follows_from_arguments(given: dict[str, Any], tmp_path: Path) -> None:
    names = ("ddp_timeout_delta", "_n_gpu", "_setup_devices", "default_optim", "deepspeed_plugin", "mixed_precision")
    ours, theirs = (library.TrainingArguments(str(tmp_path), use_cpu=True, **given) for library in (bestiary, transformers))
    for name in (*names, "activation_checkpointing", "activation_checkpointing_kwargs"):
        published = getattr(theirs, name, None)
        assert getattr(ours, name) == (published or False if name.endswith("checkpointing") else published), name
    assert ours.distributed_state.num_processes == theirs.distributed_state.num_processes == 1


def test_an_older_spelling_is_read_and_set_as_what_it_is_now(tmp_path: Path) -> None:
    args = TrainingArguments(str(tmp_path), eval_strategy="epoch", use_cpu=True)
    assert (args.evaluation_strategy, args.no_cuda, args.per_gpu_eval_batch_size) == ("epoch", True, 8)  # type: ignore[attr-defined]
    args.evaluation_strategy = "no"  # type: ignore[attr-defined]
    assert args.eval_strategy == "no"
