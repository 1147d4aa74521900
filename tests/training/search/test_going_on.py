"""A search that was broken off goes on and ends as one that never was; halving is training with pauses."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.kit.search import Regression, space, trainer
from tests.kit.training import plain_log

from bestiary import TrainerCallback
from bestiary.training.search.trial_record import TrialRecord
from bestiary.training.search.trials_file import TrialsFile

ROOT = Path(__file__).parents[3]


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "trials.csv", newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def searching(folder: Path, backend: str, dies_at: int | None = None, **options: Any) -> Any:
    """A search whose `dies_at`-th training is killed in its middle; returns the best run and how many trainings there were."""
    begun = []

    class Killer(TrainerCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            begun.append(1)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if len(begun) == dies_at and state.global_step > 1:
                os.kill(os.getpid(), signal.SIGKILL)

    made = trainer(folder, Regression, [Killer], num_train_epochs=4)
    best = made.hyperparameter_search(space, backend=backend, n_trials=9, **options)
    return best, len(begun)


@pytest.mark.parametrize(("backend", "dies_at"), [("random", 7), ("halving", 7), ("halving", 11), ("halving", 13)])
def test_killed_and_gone_on(backend: str, dies_at: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole, count = searching(tmp_path / "whole", backend)
    assert count == {"random": 9, "halving": 13}[backend]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path / "broken"), backend, str(dies_at)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    best, rest = searching(tmp_path / "broken", backend)
    assert "goes on with" in caplog.text
    assert rest == count - dies_at + 1
    assert best == whole
    assert table(tmp_path / "broken") == table(tmp_path / "whole")


def test_what_goes_on_and_what_does_not(tmp_path: Path) -> None:
    def count(**options: Any) -> int:
        own = {name: options.pop(name) for name in ("weight_decay", "save_total_limit") if name in options}
        made = trainer(tmp_path, **own)
        begun = []

        class Counter(TrainerCallback):
            def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
                begun.append(1)

        made.add_callback(Counter)
        made.hyperparameter_search(**{"hp_space": space, "backend": "random", "n_trials": 3, **options})
        return len(begun)

    def other(trial: Any) -> dict[str, Any]:
        return {"learning_rate": trial.suggest_float("learning_rate", 1e-3, 0.5, log=True)}

    assert count() == 3
    assert count() == 3  # it came to its end: asked again, it is done again
    assert count(resume=True) == 0
    assert count(resume=True, save_total_limit=2) == 0  # what changes no result
    assert count(resume=True, n_trials=5) == 2
    assert count(resume=False) == 3
    assert count(resume=True, seed=5) == 3
    assert count(resume=True, hp_space=other, seed=5) == 3
    assert count(resume=True, hp_space=other, seed=5, weight_decay=0.1) == 3
    (tmp_path / "trials.json").write_text('{"finished": fal')
    assert count(resume=True) == 3
    (tmp_path / "trials.json").write_text('{"finished": false, "settings": {}, "trials": {"0/0": {"nothing": 1}}}')
    assert count(resume=True) == 3


def test_a_file_of_trials_has_no_folder_of_others_removed(tmp_path: Path) -> None:
    """What a stranger's `trials.json` names as checkpoints is not removed, unless a training wrote it here."""
    searching(tmp_path / "search", "halving")
    precious = tmp_path / "checkpoint-7"
    precious.mkdir()
    (precious / "work").write_text("of years")
    file = tmp_path / "search" / "trials.json"
    told = json.loads(file.read_text())
    changed = json.dumps(told).replace('"checkpoint": null', json.dumps({"checkpoint": str(precious)})[1:-1])
    changed = re.sub(r'"checkpoint": "[^"]*"', json.dumps({"checkpoint": str(precious)})[1:-1], changed)
    assert changed.count(str(precious)) >= 9
    file.write_text(changed)
    _, count = searching(tmp_path / "search", "halving", resume=True)
    assert count == 0  # it went on from that file
    assert (precious / "work").read_text() == "of years"


def test_a_search_stopped_by_hand_leaves_the_trainer_whole(tmp_path: Path) -> None:
    stops = [True]

    class Stopper(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.trial_params and stops and stops.pop():
                raise KeyboardInterrupt

    made = trainer(tmp_path, callbacks=[Stopper])
    args, model = str(made.args), made.model
    with pytest.raises(KeyboardInterrupt):
        made.hyperparameter_search(space, backend="random", n_trials=2)
    assert str(made.args) == args
    assert made.model is model
    assert made.hp_search_backend is None
    assert made.hyperparameter_search(space, backend="random", n_trials=2).run_id in "01"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"eval_strategy": "epoch", "save_strategy": "epoch"},
        {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "steps", "save_steps": 3, "load_best_model_at_end": True},
        {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "best"},
        {"save_strategy": "steps", "save_steps": 5, "save_only_model": True},
    ],
    ids=["plain", "epochs", "steps", "best", "no-state"],
)
def test_a_training_with_pauses_is_one_without(options: dict[str, Any], tmp_path: Path) -> None:
    """Whoever comes to the end has the log and the objective of a training that never paused."""
    logs: dict[str, Any] = {}

    class Keeper(TrainerCallback):
        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            logs[f"{args.learning_rate:.6f}"] = state

    chosen = {"num_train_epochs": 3, "logging_strategy": "steps", "logging_steps": 1, **options}
    made = trainer(tmp_path / "search", callbacks=[Keeper], **chosen)
    best = made.hyperparameter_search(space, backend="halving", n_trials=9, factor=3)
    rows = table(tmp_path / "search")
    assert [row["status"] for row in rows].count("complete") == 1
    totals = [24 if row["per_device_train_batch_size"] == "4" else 12 for row in rows]
    rungs = [[-(-total // 9), total // 3, total].index(int(row["steps"])) for row, total in zip(rows, totals, strict=True)]
    assert sorted(rungs) == [0] * 6 + [1] * 2 + [2]
    whole = totals[rungs.index(2)]
    alone = trainer(tmp_path / "alone", **chosen)
    for name, value in best.hyperparameters.items():
        setattr(alone.args, name, value)
    alone.train()
    paused = logs[f"{best.hyperparameters['learning_rate']:.6f}"]

    class Both:
        def __init__(self, state: Any) -> None:
            self.state = state

    left_out = ("train_loss",) if "eval_strategy" in options else ("train_loss", "eval_loss")  # what comes after the training
    kept = [
        [entry for entry in plain_log(Both(each)) if not any(name in entry for name in left_out)]
        for each in (paused, alone.state)
    ]
    assert kept[0] == kept[1]
    assert len([entry for entry in kept[0] if "loss" in entry]) == whole
    evaluated = [entry["eval_loss"] for entry in alone.state.log_history if "eval_loss" in entry]
    assert best.objective == (evaluated[-1] if evaluated else alone.evaluate()["eval_loss"])
    left = list((tmp_path / "search").glob("run-*/checkpoint-*"))
    assert bool(left) == ("save_strategy" in options)


def test_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial begins any more, and the best of those that are there is found."""
    from bestiary.training.search import engine

    now = iter(range(1000))
    monkeypatch.setattr(engine.time, "monotonic", lambda: next(now))
    trainer(tmp_path).hyperparameter_search(space, backend="random", n_trials=9, timeout=3)
    assert len(table(tmp_path)) == 3


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("settings",), []),
        (("settings",), None),
        (("trials",), 3),
        (("trials", "0/0", "objectives"), None),
        (("trials", "0/0", "objectives"), 3),
        (("trials", "0/0", "objectives"), ["x"]),
        (("trials", "0/0", "objectives"), []),
        (("trials", "0/0", "params"), []),
        (("trials", "0/0", "params"), "x"),
        (("trials", "0/0", "params"), None),
        (("trials", "0/0", "seconds"), "x"),
    ],
)
def test_a_damaged_file_of_trials_begins_anew(
    place: tuple[str, ...], value: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored = {"finished": False, "settings": {}, "trials": {"0/0": TrialRecord("0", {"x": 1}, [0.5]).as_table()}}
    path = tmp_path / "trials.json"
    path.write_text(json.dumps(stored))
    assert len(TrialsFile(str(tmp_path), {}).records) == 1
    caplog.clear()
    table: Any = stored
    for name in place[:-1]:
        table = table[name]
    table[place[-1]] = value
    path.write_text(json.dumps(stored))
    assert not TrialsFile(str(tmp_path), {}).records
    assert "begins anew" in caplog.text
    assert "goes on with" not in caplog.text


if __name__ == "__main__":
    searching(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
