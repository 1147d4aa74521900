"""Which tools a training reports to, what it does when one fails, and event files beside those of the published trainer."""

import copy
import logging
import struct
import sys
from json import JSONDecodeError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from tensorboardX.proto.event_pb2 import Event
from tests.kit import search, training
from transformers.integrations import integration_utils

import bestiary
from bestiary.compat import reporting as published
from bestiary.core.errors import ArgumentError, MissingReporter
from bestiary.core.logging import BestiaryWarning
from bestiary.training.callbacks import reporting
from bestiary.training.callbacks.reporter import Reporter
from bestiary.training.callbacks.reporters.tensorboard import TensorBoardCallback


class Failing(Reporter):
    """Fails at a step of a training, or, at step 0, when it is set up."""

    package = "json"

    def __init__(self, error: Exception | None, step: int = 2) -> None:
        super().__init__()
        self.error, self.step, self.steps = error, step, []

    def setup(self, args: Any, state: Any, model: Any, **kwargs: Any) -> None:
        self._initialized = True
        if self.error is not None and not self.step:
            raise self.error

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ready(args, state)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.steps.append(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if self.ready(args, state) and self.error is not None and state.global_step >= self.step:
            raise self.error

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.error is not None:
            raise self.error


def trained(folder: Path, *callbacks: Any, **options: Any) -> Any:
    """A trainer after four steps, each of them logged."""
    bestiary.set_seed(0)
    chosen = {"max_steps": 4, "logging_strategy": "steps", "logging_steps": 1, **options}
    trainer = bestiary.Trainer(
        search.Regression(), search.arguments(folder, **chosen), train_dataset=search.ROWS, callbacks=[*callbacks]
    )
    trainer.train()
    return trainer


def test_a_report_that_fails_does_not_end_a_training(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("bestiary"), "propagate", True)
    quiet = trained(tmp_path / "quiet")
    failing = Failing(ConnectionError("the network is gone"))
    with pytest.warns(BestiaryWarning, match="the network is gone") as told:
        trainer = trained(tmp_path, failing)
    assert training.plain_log(trainer) == training.plain_log(quiet)
    assert [entry["step"] for entry in trainer.state.log_history] == [1, 2, 3, 4, 4]
    assert failing.steps == [0, 1, 2, 3]
    assert failing.lost == 5  # of steps 2, 3 and 4, what is logged at the end, and the end itself
    assert len(told) == 1
    assert "Failing.on_log failed at step 2: ConnectionError" in str(told[0].message)
    assert "Failing lost 5 reports" in caplog.text


def test_an_error_of_the_tool_itself_counts_as_one_of_the_network(tmp_path):
    failing = Failing(JSONDecodeError("no answer", "", 0), step=4)
    with pytest.warns(BestiaryWarning, match="no answer"):
        trained(tmp_path, failing)
    assert failing.lost == 3


def test_other_errors_end_a_training(tmp_path):
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        trained(tmp_path, Failing(ZeroDivisionError("a mistake")))


def test_a_tool_that_cannot_be_set_up_ends_a_training_before_its_first_step(tmp_path):
    failing = Failing(OSError("no server"), step=0)
    with pytest.raises(OSError, match="no server"):
        trained(tmp_path, failing)
    assert failing.steps == []


@pytest.mark.parametrize("package", ["wandb", "mlflow", "tensorboardX"])
def test_a_missing_package_is_named_before_any_work(package, tmp_path, monkeypatch):
    monkeypatch.setattr("bestiary.core.optional.available", lambda name: False)
    monkeypatch.setattr("bestiary.training.callbacks.reporters.tensorboard.available", lambda name: False)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    tool = "tensorboard" if package == "tensorboardX" else package
    with pytest.raises(MissingReporter, match=f"needs the package '{tool}', which is not installed: pip install {tool}"):
        trained(tmp_path / "out", report_to=tool)
    assert not (tmp_path / "out").exists()


def test_what_report_to_says(tmp_path, monkeypatch):
    def chosen(report_to: Any) -> list[str]:
        return bestiary.TrainingArguments(str(tmp_path), use_cpu=True, report_to=report_to).report_to

    monkeypatch.setattr(reporting, "available", lambda package: package in ("tensorboardX", "wandb", "mlflow"))
    for variable in ("WANDB_DISABLED", "DISABLE_MLFLOW_INTEGRATION"):
        monkeypatch.delenv(variable, raising=False)
    assert chosen("none") == chosen([]) == chosen(["none"]) == []
    assert chosen("all") == chosen(["all"]) == ["mlflow", "tensorboard", "wandb"]
    assert chosen("comet_ml") == ["comet_ml"]
    assert chosen(["wandb", "tensorboard", "wandb"]) == ["wandb", "tensorboard"]
    monkeypatch.setenv("WANDB_DISABLED", "true")
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    assert chosen("all") == ["tensorboard"] == published.get_available_reporting_integrations()
    assert not published.is_mlflow_available()
    assert published.is_tensorboard_available()
    with pytest.raises(ArgumentError, match="report_to names 'wandbb'; expected all, none, or some of .*Did you mean 'wandb'"):
        chosen(["tensorboard", "wandbb"])


def test_names_are_the_published_ones():
    theirs = integration_utils.INTEGRATION_TO_CALLBACK
    ours = published.INTEGRATION_TO_CALLBACK
    assert {name: each.__name__ for name, each in ours.items()} == {name: each.__name__ for name, each in theirs.items()}
    assert published.get_reporting_integration_callbacks(["tensorboard"]) == [TensorBoardCallback]


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """Name, step and value of each point in the event files of a folder: records of length, checksum, content, checksum."""
    points = []
    for file in sorted(folder.rglob("events.out.*")):
        content, place = file.read_bytes(), 0
        while place < len(content):
            (length,) = struct.unpack("<Q", content[place : place + 8])
            event = Event.FromString(content[place + 12 : place + 12 + length])
            place += 16 + length
            points += [
                (each.tag, event.step, each.simple_value) for each in event.summary.value if each.HasField("simple_value")
            ]
    return points


def test_event_files_hold_the_same(tmp_path):
    found = {}
    for library in (transformers, bestiary):
        library.set_seed(0)
        kind, config = training.config(library, "bert", 0.0)
        options = {"max_steps": 3, "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no"}
        folder = tmp_path / library.__name__
        args = library.TrainingArguments(str(folder), report_to="tensorboard", use_cpu=True, disable_tqdm=True, **options)
        rows = training.rows("bert")
        model = kind(config)
        model.load_state_dict(found.setdefault("weights", copy.deepcopy(model.state_dict())))
        library.Trainer(model, args, train_dataset=rows, eval_dataset=rows).train()
        assert [path.parent.name for path in folder.glob("runs/*")] == ["runs"]
        found[library] = [each for each in scalars(folder) if not any(word in each[0] for word in training.VOLATILE)]
    assert len(found[bestiary]) > 10
    assert [each[:2] for each in found[bestiary]] == [each[:2] for each in found[transformers]]
    assert [each[2] for each in found[bestiary]] == pytest.approx([each[2] for each in found[transformers]], rel=1e-5)


def test_the_modes_of_comet(tmp_path, monkeypatch):
    """As `comet_ml.start` gets them; "disabled" and words that are none of them report nothing."""
    asked: list[dict[str, Any]] = []
    tool = SimpleNamespace(ExperimentConfig=SimpleNamespace, start=lambda **options: asked.append(options) or Anything())
    monkeypatch.setattr(Reporter, "tool", lambda self, module="": tool)
    args = bestiary.TrainingArguments(str(tmp_path), use_cpu=True)

    def began(mode: str) -> dict[str, Any] | None:
        monkeypatch.setenv("COMET_MODE", mode)
        asked.clear()
        published.CometCallback().on_train_begin(args, bestiary.TrainerState(), None, model=search.Regression())
        return {name: asked[0][name] for name in ("online", "mode")} if asked else None

    assert began("") == {"online": None, "mode": None}
    assert began("get_or_create") == {"online": None, "mode": "get_or_create"}
    assert began("ONLINE") == {"online": True, "mode": None}
    assert began("offline") == {"online": False, "mode": None}
    assert began("disabled") is None
    with pytest.warns(BestiaryWarning, match="COMET_MODE is 'other'; expected get, create"):
        assert began("other") is None


class Anything:
    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def test_wandb_may_be_turned_off(tmp_path, monkeypatch):
    monkeypatch.setattr(Reporter, "tool", lambda self, module="": SimpleNamespace())
    monkeypatch.setenv("WANDB_DISABLED", "true")
    with pytest.warns(BestiaryWarning, match="WANDB_DISABLED is on: nothing is reported"):
        callback = published.WandbCallback()
    trained(tmp_path, callback)  # a call of the tool would raise
    assert callback.lost == 0
    monkeypatch.setenv("WANDB_DISABLED", "false")
    monkeypatch.setenv("WANDB_LOG_MODEL", "best")
    with pytest.warns(BestiaryWarning, match="WANDB_LOG_MODEL is 'best'; expected checkpoint, end or false"):
        published.WandbCallback()


def test_tensors_of_one_number_are_reported_and_others_told(tmp_path):
    written = []
    writer = SimpleNamespace(add_scalar=lambda *point: written.append(point), flush=lambda: None)
    callback = TensorBoardCallback(writer)
    callback._initialized, state = True, bestiary.TrainerState(global_step=3)
    with pytest.warns(BestiaryWarning, match="TensorBoardCallback takes numbers; 'train/text' is a str and is left out"):
        callback.on_log(None, state, None, logs={"eval_loss": torch.tensor(0.5), "text": "words", "loss": 2})
    assert written == [("eval/loss", 0.5, 3), ("train/loss", 2, 3)]
