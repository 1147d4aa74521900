"""How much memory stages of a trainer take, beside the published trainer: the same names in the same places."""

from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from tests.kit import training

import bestiary
from bestiary.core.logging import BestiaryWarning
from bestiary.training import memory_metrics
from bestiary.training.memory_metrics import TrainerMemoryTracker


def names(metrics: dict[str, Any]) -> list[str]:
    return [name for name in metrics if "_mem_" in name]


def measured(library: ModuleType, folder: Any, first: str, **options: Any) -> list[list[str]]:
    """What is measured in a training with evaluations, an evaluation, a prediction, one of them first, and in all logs."""
    kind, config = training.config(library, "bert", 0.0)
    chosen = {"max_steps": 2, "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 1, "save_strategy": "no"}
    args = library.TrainingArguments(str(folder), use_cpu=True, disable_tqdm=True, report_to="none", **chosen, **options)
    rows = training.rows("bert", 8)
    trainer = library.Trainer(kind(config), args, train_dataset=rows, eval_dataset=rows)
    stages = {
        "train": lambda: trainer.train().metrics,
        "evaluate": trainer.evaluate,
        "predict": lambda: trainer.predict(rows).metrics,
    }
    order = [first, *(each for each in stages if each != first)]
    return [names(stages[each]()) for each in order] + [names(entry) for entry in trainer.state.log_history]


@pytest.mark.parametrize("first", ["train", "evaluate"])
def test_the_published_names_are_in_the_published_places(first: str, tmp_path: Any) -> None:
    ours, theirs = (
        measured(library, tmp_path / library.__name__, first, skip_memory_metrics=False) for library in (bestiary, transformers)
    )
    assert [sorted(each) for each in ours] == [sorted(each) for each in theirs]
    assert len(ours[0]) == 5  # of the stage, and of the trainer's making


def test_nothing_is_measured_unless_asked(tmp_path: Any) -> None:
    assert not any(measured(bestiary, tmp_path, "train"))


def test_what_a_stage_keeps_and_its_peak() -> None:
    tracker = TrainerMemoryTracker()
    kept, size = [], 64 * 2**20
    with tracker.measured("train"):
        kept.append(torch.ones(size // 4))
        with tracker.measured("eval"):  # a part of the stage that runs
            torch.ones(size // 4)
    metrics: dict[str, int] = {}
    tracker.update_metrics("eval", metrics)
    tracker.init_reported = True
    tracker.update_metrics("train", metrics)
    assert {*metrics} == {"train_mem_cpu_alloc_delta", "train_mem_cpu_peaked_delta"}
    assert 0.5 * size < metrics["train_mem_cpu_alloc_delta"] < 1.5 * size
    assert metrics["train_mem_cpu_peaked_delta"] >= 0
    assert len(kept) == 1


def test_a_stage_that_fails_is_over() -> None:
    tracker = TrainerMemoryTracker()
    with pytest.raises(ZeroDivisionError), tracker.measured("train"):
        raise ZeroDivisionError
    assert tracker.cur_stage is None
    assert not tracker.peak_monitoring


def test_users_may_measure_in_methods_of_the_stages_names() -> None:
    tracker = TrainerMemoryTracker()

    def evaluate() -> dict[str, int]:
        metrics: dict[str, int] = {}
        tracker.start()
        tracker.stop_and_update_metrics(metrics)
        return metrics

    tracker.init_reported = True
    assert {*evaluate()} == {"eval_mem_cpu_alloc_delta", "eval_mem_cpu_peaked_delta"}
    with pytest.raises(ValueError, match="it was called by test_users_may_measure"):
        tracker.start()


def test_without_its_package_nothing_is_measured_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_metrics, "available", lambda package: False)
    with pytest.warns(BestiaryWarning, match="memory is not measured: psutil is not installed: pip install psutil"):
        assert TrainerMemoryTracker().skip_memory_metrics
