"""Checkpoints, arguments and metrics that are wrong are named in words; what they cannot change stays as it was."""

import hashlib
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.kit.training import assert_same_end, at_step, config, rows

import bestiary
from bestiary.core.errors import ArgumentError, BestiaryError, CorruptFile, LoadError, SaveError
from bestiary.core.logging import BestiaryWarning
from bestiary.training.checkpoints import DIGESTS_NAME, checkpoints_in, get_last_checkpoint, new_checkpoint, remove_partial
from bestiary.training.stored_state import write_state


class Killed(BaseException):
    """In place of a kill."""


def _kill() -> None:
    raise Killed


def _trainer(folder: Path, callbacks: tuple[Any, ...] = (), metrics: Any = None, **options: Any) -> Any:
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "classifier", 0.1)
    values: dict[str, Any] = {"save_steps": 1, "use_cpu": True, "disable_tqdm": True, "learning_rate": 1e-2}
    args = bestiary.TrainingArguments(str(folder), per_device_train_batch_size=2, **values | options)
    data = rows("classifier", 10)
    return bestiary.Trainer(
        model_class(made), args, train_dataset=data, eval_dataset=data[:4], callbacks=list(callbacks), compute_metrics=metrics
    )


@pytest.mark.parametrize("length", [{"max_steps": 6}, {"max_steps": 5}, {"num_train_epochs": 1.2}])
@pytest.mark.parametrize("strategy", ["steps", "epoch"])
def test_a_training_that_is_done_goes_on_to_the_same_end(strategy: str, length: dict[str, Any], tmp_path: Path) -> None:
    options = {**length, "logging_strategy": strategy, "logging_steps": 4}
    whole = _trainer(tmp_path / "whole", **options)
    steps = whole.train().global_step
    killed = _trainer(tmp_path / "killed", (at_step("on_save", steps, _kill),), **options)
    with pytest.raises(Killed):
        killed.train()
    for _ in range(2):
        resumed = _trainer(tmp_path / "killed", **options)
        assert resumed.train(resume_from_checkpoint=True).global_step == steps
        assert_same_end(whole, resumed)


def test_more_steps_than_wanted_are_left_as_they_are(tmp_path: Path) -> None:
    whole = _trainer(tmp_path, max_steps=7)
    whole.train()
    resumed = _trainer(tmp_path, max_steps=6)
    assert resumed.train(resume_from_checkpoint=True).global_step == 7
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def _series(*values: Any) -> Callable[[Any], dict[str, Any]]:
    given = iter(values)
    return lambda found: {"score": next(given)}


def test_nan_is_never_the_best(tmp_path: Path) -> None:
    options = {"eval_strategy": "steps", "eval_steps": 1, "max_steps": 4, "load_best_model_at_end": True}
    options |= {"metric_for_best_model": "score", "greater_is_better": True}
    trainer = _trainer(tmp_path, metrics=_series(math.nan, 0.1, 0.9, 0.5), **options)
    with pytest.warns(BestiaryWarning, match="score is NaN, so this evaluation is never the best"):
        trainer.train()
    assert (trainer.state.best_metric, trainer.state.best_global_step) == (0.9, 3)
    stored = bestiary.AutoModelForSequenceClassification.from_pretrained(tmp_path / "checkpoint-3").state_dict()
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, stored[name]), name
    with pytest.raises(ArgumentError, match="'eval_score', which is 'good'; expected a number"):
        _trainer(tmp_path, metrics=_series("good"), **options).train()


def test_metrics_of_one_element_are_numbers(tmp_path: Path) -> None:
    made = {"a": torch.tensor(1.5), "b": np.array(2), "c": np.array([0.5]), "d": np.float32(4), "e": torch.tensor([[3]])}
    metrics = _trainer(tmp_path, metrics=lambda found: made).evaluate()
    found = [metrics[f"eval_{name}"] for name in made]
    assert found == [1.5, 2, 0.5, 4.0, 3]
    assert [type(each) for each in found] == [float, int, float, float, int]


@pytest.mark.parametrize("value", [1j, object(), np.arange(3), torch.ones(2)])
def test_metrics_that_cannot_be_kept_end_the_training_at_once(value: Any, tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, metrics=lambda found: {"odd": value}, eval_strategy="steps", eval_steps=1, max_steps=4)
    with pytest.raises(ArgumentError, match="compute_metrics gives 'odd' as a .*expected a number"):
        trainer.train()
    assert trainer.state.global_step == 1


def _changed(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change a file of a checkpoint, and its digest with it."""
    path = folder / name
    if name.endswith(".json"):
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    elif name.endswith(".safetensors"):
        from safetensors.torch import load_file, save_file

        save_file(change(load_file(path)), path, {"format": "pt"})
    else:
        torch.save(change(torch.load(path, weights_only=True)), path)
    digests = json.loads((folder / DIGESTS_NAME).read_text())
    digests["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / DIGESTS_NAME).write_text(json.dumps(digests))


def _moment(name: str, change: Callable[[torch.Tensor], Any]) -> Callable[[Any], Any]:
    def apply(stored: Any) -> Any:
        stored["state"][0][name] = change(stored["state"][0][name])
        return stored

    return apply


def _without_squares(stored: Any) -> Any:
    del stored["state"][0]["exp_avg_sq"]
    return stored


def _with_nan(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    weights["classifier.bias"][1] = math.nan
    return weights


@pytest.mark.parametrize(
    ("name", "change", "kind", "words"),
    [
        (
            "optimizer.pt",
            _moment("exp_avg", lambda each: torch.zeros(3)),
            LoadError,
            r"exp_avg of the parameter \w+.* is \(3,\)",
        ),
        ("optimizer.pt", _moment("exp_avg_sq", lambda each: 3), LoadError, "exp_avg_sq of the parameter .* is a int"),
        ("optimizer.pt", _moment("exp_avg", lambda each: each * math.nan), LoadError, "exp_avg of the parameter .* holds NaN"),
        ("optimizer.pt", _without_squares, LoadError, "lacks exp_avg_sq"),
        ("optimizer.pt", lambda stored: [], LoadError, "does not hold the state of an optimizer"),
        ("model.safetensors", _with_nan, LoadError, "holds NaN in classifier.bias"),
        ("progress.json", lambda stored: {}, CorruptFile, "does not say where a training is"),
        ("progress.json", lambda stored: {**stored, "rows": "7"}, CorruptFile, "holds '7' as rows"),
        ("progress.json", lambda stored: {**stored, "epoch": -1}, CorruptFile, "holds -1 as epoch"),
        (
            "trainer_state.json",
            lambda stored: {**stored, "global_step": 10**30},
            CorruptFile,
            "not what the folder's name says",
        ),
        ("trainer_state.json", lambda stored: {**stored, "global_step": -5}, CorruptFile, "says that -5 updates were made"),
        ("scheduler.pt", lambda stored: {**stored, "last_epoch": "x"}, CorruptFile, "its last step is 'x'"),
        ("scheduler.pt", lambda stored: {**stored, "last_epoch": -(10**9)}, CorruptFile, "its last step is -1000000000"),
        ("rng_state.pth", lambda stored: {}, CorruptFile, "no random numbers of python, numpy, cpu"),
    ],
)
def test_what_a_checkpoint_cannot_hold(
    name: str, change: Callable[[Any], Any], kind: type[BestiaryError], words: str, tmp_path: Path
) -> None:
    _trainer(tmp_path, max_steps=1).train()
    _changed(tmp_path / "checkpoint-1", name, change)
    with pytest.raises(kind, match=words):
        _trainer(tmp_path, max_steps=2).train(resume_from_checkpoint=True)


@pytest.mark.parametrize("digests", [{}, [], {"files": 3}, {"files": {"model.safetensors": 5}}])
def test_damaged_digests_are_passed_over(digests: Any, tmp_path: Path) -> None:
    _trainer(tmp_path, max_steps=2).train()
    (tmp_path / "checkpoint-2" / DIGESTS_NAME).write_text(json.dumps(digests))
    assert get_last_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-1")
    resumed = _trainer(tmp_path, max_steps=2, save_total_limit=1)
    assert resumed.train(resume_from_checkpoint=True).global_step == 2


def test_two_trainings_in_one_folder_both_end(tmp_path: Path) -> None:
    """Both write each checkpoint at the same time, and remove what is left of saves as each begins."""
    faults: list[Exception] = []
    barrier = threading.Barrier(2)

    def write(run: str) -> None:
        try:
            for step in range(1, 30):
                barrier.wait(60)
                remove_partial(tmp_path)
                with new_checkpoint(tmp_path, step, run) as partial:
                    (partial / "weights").write_text(run)
        except (OSError, threading.BrokenBarrierError) as error:
            barrier.abort()
            faults.append(error)

    writers = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert not faults
    assert [path.name for path in checkpoints_in(tmp_path)] == [f"checkpoint-{step}" for step in range(1, 30)]
    assert get_last_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-29")
    assert not list(tmp_path.glob(".checkpoint*"))


def test_what_another_process_writes_stays_and_what_a_dead_one_left_goes(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        writes = tmp_path / f".checkpoint-3.{other.pid}-0123abcd.partial"
        writes.mkdir()
        remove_partial(tmp_path)
        assert writes.is_dir()
        other.communicate(b"\n")
    left = tmp_path / f".checkpoint-4.{other.pid}-0123abcd.replaced"
    left.mkdir()
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-4"]


def test_a_partial_folder_that_another_training_removed_is_told(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="another training writes into"), new_checkpoint(tmp_path, 1, "run") as partial:
        partial.rename(tmp_path / "elsewhere")


def test_a_state_that_does_not_fit_on_the_disk_is_told(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_state({"small": torch.zeros(2)}, tmp_path / "optimizer.pt")
    before = (tmp_path / "optimizer.pt").read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(
            SaveError, match="optimizer.pt could not be written: the disk is full, or the system allows no file"
        ):
            write_state({"large": torch.zeros(100_000)}, tmp_path / "optimizer.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "optimizer.pt").read_bytes() == before
    assert os.listdir(tmp_path) == ["optimizer.pt"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("save_total_limit", 1.5, "expected a whole number of at least 1"),
        ("max_steps", math.nan, "expected a whole number"),
        ("max_steps", 1.5, "expected a whole number"),
        ("max_steps", "5", "expected a whole number"),
        ("num_train_epochs", 1e308, "expected a number of at least 0 and at most"),
        ("learning_rate", 10**400, "expected a number of at least 0"),
        ("per_device_train_batch_size", 1.5, "expected a whole number"),
        ("gradient_accumulation_steps", 2.5, "expected a whole number"),
        ("dataloader_num_workers", 1.5, "expected a whole number"),
        ("ddp_timeout", 10**20, "at most"),
        ("data_seed", "x", "data_seed is 'x'; expected a whole number"),
        ("adam_beta1", "0.9", "expected a number"),
        ("adam_epsilon", "x", "expected a number"),
        ("label_smoothing_factor", "x", "expected a number"),
        ("neftune_noise_alpha", "x", "expected a number"),
        ("include_for_metrics", 3, "expected a list of inputs, loss"),
        ("report_to", 3, "report_to is 3; expected all, none"),
        ("report_to", ["none", "wandb"], "report_to names 'none' and others besides"),
    ],
)
def test_arguments_of_other_kinds_are_refused_when_they_are_made(name: str, value: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        bestiary.TrainingArguments("out", **{name: value})


def test_whole_numbers_in_other_types_are_taken() -> None:
    args = bestiary.TrainingArguments("out", max_steps=5.0, save_total_limit=np.int64(2), include_for_metrics="loss")
    assert (args.max_steps, args.save_total_limit, args.include_for_metrics) == (5, 2, ["loss"])
    assert type(args.max_steps) is type(args.save_total_limit) is int


def test_nan_for_an_optimizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="optim_args says 'momentum=nan'"):
        _trainer(tmp_path, optim="sgd", optim_args="momentum=nan", max_steps=1).train()


def test_a_first_update_that_is_left_out_is_in_no_mean(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, max_steps=4, logging_steps=1)
    real, calls = trainer.compute_loss, []

    def loss_of(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return real(*args, **kwargs) * (math.nan if len(calls) == 1 else 1)

    trainer.compute_loss = loss_of
    with pytest.warns(BestiaryWarning, match="it is left out"):
        mean = trainer.train().training_loss
    made = [each["loss"] for each in trainer.state.log_history if "loss" in each and each["step"] > 1]
    assert mean == pytest.approx(sum(made) / 3, rel=1e-6)
