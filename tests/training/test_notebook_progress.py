"""Bars and tables of a training in a notebook, beside the published ones."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython.display
import pytest
import transformers
from tests.kit.training import config, rows
from transformers.utils import notebook as published

import bestiary
from bestiary.training.callbacks import notebook, notebook_bars
from bestiary.training.callbacks.default import progress_callback


class Output(HTMLParser):
    """The table and the bars in the output of a cell."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.table: list[list[str]] = []
        self.bars: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self._open = ""
        self.feed(code)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given, self._open = dict(attrs), tag
        self.tags.append(tag)
        if tag == "progress":
            self.bars.append((given["value"], given["max"]))
        if tag == "tr":
            self.table.append([])
        if tag in ("td", "th"):
            self.table[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("td", "th"):
            self.table[-1][-1] += data


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the output of a cell was, one after the other."""
    shown: list[str] = []

    def display(value: Any, display_id: Any = None) -> Any:
        shown.append(value.data)
        return SimpleNamespace(update=lambda later: shown.append(later.data))

    monkeypatch.setattr(IPython.display, "display", display)
    return shown


def last(cell: list[str]) -> Output:
    return Output(cell[-1])


def test_names_are_the_published_ones() -> None:
    for name in ("NotebookProgressBar", "NotebookTrainingTracker"):
        methods = [each for each in vars(getattr(published, name)) if not each.startswith("_")]
        assert set(methods) <= set(dir(getattr(notebook_bars, name)))
    assert {each for each in vars(published.NotebookProgressCallback) if not each.startswith("_")} <= set(
        dir(notebook.NotebookProgressCallback)
    )


@pytest.mark.parametrize("library", [notebook_bars, published])
def test_a_bar(library: Any, cell: list[str]) -> None:
    bar = library.NotebookProgressBar(10, prefix="rows", width=120)
    for value in (1, 5, 10):
        bar.update(value, comment="Epoch 1/2")
    assert [Output(code).bars for code in cell] == [[("1", "10")], [("5", "10")], [("10", "10")]]
    assert "rows" in cell[0]
    assert "width:120px" in cell[0]
    assert bar.label.startswith("[10/10 00:00")
    assert "Epoch 1/2" in bar.label
    assert (bar.value, bar.total) == (10, 10)
    passing = library.NotebookProgressBar(10, leave=False)
    passing.update(3)
    passing.close()
    assert cell[-1] == ""


def test_a_bar_shows_itself_about_twice_a_second(cell: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(notebook_bars.time, "time", lambda: now[0])
    bar = notebook_bars.NotebookProgressBar(10_000)
    for value in range(1, 1001):
        now[0] += 0.01
        bar.update(value)
    assert 20 <= len(cell) <= 30
    assert re.fullmatch(r"\[  9[5-9]\d/10000 00:09 &lt; 01:30, 100\.00 it/s\]", bar.label)
    assert bar.value == 1000
    bar.update(1001, force_update=True)
    assert last(cell).bars == [("1001", "10000")]


@pytest.mark.parametrize("library", [notebook_bars, published])
def test_a_table_grows(library: Any, cell: list[str]) -> None:
    tracker = library.NotebookTrainingTracker(20, ["Step", "Training Loss"])
    tracker.update(1)
    tracker.write_line({"Step": 5, "Training Loss": 0.123456789, "F1": 2})
    tracker.write_line({"Step": 5, "Validation Loss": 0.5})
    tracker.write_line({"Step": 10, "Training Loss": 3, "New": "x"})
    child = tracker.add_child(4, prefix="evaluating")
    child.update(2, force_update=True)
    assert last(cell).bars == [("1", "20"), ("2", "4")]
    tracker.remove_child()
    tracker.update(20)
    assert last(cell).bars == [("20", "20")]
    assert last(cell).table == [
        ["Step", "Training Loss", "F1", "Validation Loss", "New"],
        ["5", "0.123457", "2", "0.500000"],
        ["10", "3", "No Log", "No Log", "x"],
    ]
    assert tracker.inner_table is not None
    assert tracker.inner_table[1] == [5, 0.123456789, 2, 0.5]


def table_of(library: Any, callback: Any, strategy: str, cell: list[str]) -> list[list[str]]:
    """The table at the end of a training whose events are played."""
    args = library.TrainingArguments("out", eval_strategy=strategy, report_to="none", use_cpu=True)
    state, control = library.TrainerState(max_steps=4, num_train_epochs=2), library.TrainerControl()
    callback.on_train_begin(args, state, control)
    for step in range(1, 5):
        state.global_step, state.epoch = step, step / 2
        callback.on_step_end(args, state, control)
        logs = {"loss": 1 / step, "grad_norm": 1.0, "epoch": step / 2}
        state.log_history.append({**logs, "step": step})
        callback.on_log(args, state, control, logs=logs)
        if step % 2 == 0 and strategy != "no":
            for _ in range(3):
                callback.on_prediction_step(args, state, control, eval_dataloader=[1, 2, 3])
            assert last(cell).bars[-1] == ("3", "3")
            speed = {"eval_runtime": 2.0, "eval_samples_per_second": 3.0, "eval_steps_per_second": 3.0}
            metrics = {
                "eval_loss": 0.5 / step,
                "eval_f1_score": step,
                "eval_model_preparation_time": 0.1,
                **speed,
                "epoch": 1.0,
            }
            callback.on_evaluate(args, state, control, metrics=metrics)
    callback.on_train_end(args, state, control)
    assert last(cell).bars == [("4", "4")]
    assert "Epoch 2/2" in cell[-1]
    return last(cell).table


@pytest.mark.parametrize("strategy", ["no", "steps", "epoch"])
def test_a_training_fills_the_table_of_the_published_one(strategy: str, cell: list[str]) -> None:
    theirs = table_of(transformers, published.NotebookProgressCallback(), strategy, cell)
    ours = table_of(bestiary, notebook.NotebookProgressCallback(), strategy, cell)
    assert ours == theirs
    assert len(ours) == (5 if strategy == "no" else 3)


@pytest.mark.parametrize(("library", "place"), [(bestiary, notebook), (transformers, published)])
def test_an_evaluation_alone_shows_a_table(library: Any, place: Any, cell: list[str]) -> None:
    args = library.TrainingArguments("out", report_to="none", use_cpu=True)
    state, control = library.TrainerState(), library.TrainerControl()
    callback = place.NotebookProgressCallback()
    for _ in range(3):
        callback.on_prediction_step(args, state, control, eval_dataloader=[1, 2, 3])
    callback.on_evaluate(args, state, control, metrics={"eval_loss": 0.25, "eval_runtime": 1.0})
    assert Output(cell[-2]).bars == [("3", "3")]
    cells = dict(zip(*last(cell).table, strict=True))
    assert cells == {"Training Loss": "No log", "Validation Loss": "0.250000", "Step": "0"}
    assert callback.prediction_bar is None


def test_names_of_strangers_stay_texts(cell: list[str]) -> None:
    callback = notebook.NotebookProgressCallback()
    args = bestiary.TrainingArguments("out", use_cpu=True, eval_strategy="steps")
    state, control = bestiary.TrainerState(max_steps=2), bestiary.TrainerControl()
    callback.on_train_begin(args, state, control)
    callback.on_evaluate(args, state, control, metrics={"eval_loss": 1.0, "eval_<script>x": "<img>"})
    assert not {"script", "img"} & set(last(cell).tags)
    assert last(cell).table[0][-1] == "<script>x"


def test_it_is_chosen_in_a_notebook_and_takes_part_in_a_training(
    cell: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not notebook.in_notebook()
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=IPython.display))
    assert notebook.in_notebook()
    options: dict[str, Any] = {"max_steps": 4, "logging_steps": 2, "eval_strategy": "steps", "eval_steps": 2, "use_cpu": True}
    args = bestiary.TrainingArguments(str(tmp_path), save_strategy="no", disable_tqdm=False, **options)
    assert progress_callback(args) is notebook.NotebookProgressCallback
    model_class, made = config(bestiary, "classifier", 0.0)
    trainer = bestiary.Trainer(
        model_class(made), args, train_dataset=rows("classifier", 40), eval_dataset=rows("classifier", 9)
    )
    trainer.train()
    table = last(cell).table
    assert table[0] == ["Step", "Training Loss", "Validation Loss"]
    evaluations = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    losses = [entry for entry in trainer.state.log_history if "loss" in entry]
    for row, evaluation, loss in zip(table[1:], evaluations, losses, strict=True):
        assert row == [str(evaluation["step"]), f"{loss['loss']:.6f}", f"{evaluation['eval_loss']:.6f}"]
    args.disable_tqdm = True
    assert progress_callback(args) is bestiary.PrinterCallback


def test_a_training_that_fails_leaves_its_table(cell: list[str], tmp_path: Path) -> None:
    callback = notebook.NotebookProgressCallback()
    args = bestiary.TrainingArguments(str(tmp_path), use_cpu=True)
    state, control = bestiary.TrainerState(max_steps=4, global_step=3, epoch=0.5), bestiary.TrainerControl()
    callback.on_train_begin(args, state, control)
    callback.on_train_failed(args, state, control, error=KeyboardInterrupt())
    assert last(cell).bars == [("3", "4")]
    assert callback.training_tracker is None
