"""Checkpoints, arguments and metrics that are wrong are named in words; what they cannot change stays as it was."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.kit.training import assert_same_end, at_step, config, rows

import bestiary
from bestiary.core.errors import ArgumentError
from bestiary.core.logging import BestiaryWarning


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
