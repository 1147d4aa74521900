"""Two processes search together: the first decides, both train with the same arguments and return the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.kit.search import Regression, space, trainer

from bestiary import TrainerCallback
from bestiary.core.errors import BestiaryError

ROOT = Path(__file__).parents[3]
KINDS = ("random", "halving", "optuna", "several", "pruned", "failing", "hopeless", "wrong", "threads")


def result(kind: str, folder: Path) -> dict[str, Any]:
    """What one process sees of a search."""
    seen: list[Any] = []

    class Seer(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append([args.learning_rate, args.per_device_train_batch_size, state.trial_params, state.trial_name])

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append(["end", state.global_step])

    def init(trial: Any) -> Regression:
        model = Regression()
        if trial is not None:
            model.drop.p = trial.suggest_float("dropout", 0.0, 0.5)
            if kind == "hopeless" or (kind == "failing" and trial.number == 1):
                raise RuntimeError("no model today")
        return model

    options: dict[str, Any] = {"backend": "random", "n_trials": 4, "hp_name": lambda trial: f"own-{trial.number}"}
    if kind in ("optuna", "several", "pruned", "failing", "threads"):
        import optuna

        options |= {"backend": "optuna", "sampler": optuna.samplers.RandomSampler(seed=1)}
        if kind == "pruned":
            second = {"prune": lambda self, study, trial: trial.number == 1}
            options["pruner"] = type("Second", (optuna.pruners.BasePruner,), second)()
        if kind == "threads":
            options["n_jobs"] = 2
    if kind == "halving":
        options["backend"] = "halving"
    if kind == "several":
        options["direction"] = ["minimize", "maximize"]
        options["compute_objective"] = lambda metrics: [metrics["eval_loss"], metrics["epoch"]]
    if kind == "wrong":
        options["compute_objective"] = lambda metrics: None
    made = trainer(folder / kind, init, [Seer], eval_strategy="epoch", num_train_epochs=3)
    try:
        found = made.hyperparameter_search(space, **options)
    except BestiaryError as error:
        return {"seen": seen, "error": f"{type(error).__name__}: {error}"}
    best = [list(each) for each in (found if isinstance(found, list) else [found])]
    made.train()  # the trainer works on
    return {"seen": seen, "best": best}


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launcher, __file__, str(folder)], env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_both_processes_do_the_same(kind: str, processes: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, (first, second) = processes
    assert first[kind] == second[kind]
    trials = [each for each in first[kind]["seen"] if each[0] != "end"]
    if kind in ("hopeless", "wrong", "threads"):
        starts = {"hopeless": "SearchError: none of 4", "wrong": "WrongObjective: compute_", "threads": "ArgumentError: n_jobs"}
        assert first[kind]["error"].startswith(starts[kind])
        return
    assert len({each[0] for each in trials}) == (4 if kind == "failing" else 5)  # and one after the search
    ends = [each[1] for each in first[kind]["seen"] if each[0] == "end"]
    steps = {trial[1]: end for trial, end in zip(trials, ends, strict=True)}
    if kind == "pruned":
        assert ends[1] * 3 == {4: 12, 8: 6}[trials[1][1]]
    elif kind != "halving":
        assert all(end == {4: 12, 8: 6}[size] for size, end in steps.items())
    assert all(each[2]["learning_rate"] == each[0] and 0 < each[2]["dropout"] < 0.5 for each in trials[:-1])
    assert trials[-1][2:] == [None, None]
    table = (folder / kind / "trials.csv").read_text()
    assert len(table.splitlines()) == 5
    assert ("pruned" in table) == (kind == "pruned")
    assert table.count("no model today") == (kind == "failing")
    assert {each[0] for each in first[kind]["best"]} <= set("0123")


def test_two_processes_draw_what_one_draws(processes: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    alone = result("random", tmp_path)
    rates = [[each[0] for each in run["seen"] if each[0] != "end"] for run in (alone, processes[1][0]["random"])]
    assert rates[0] == rates[1]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    results = {kind: result(kind, target) for kind in KINDS}
    (target / f"{os.environ['RANK']}.json").write_text(json.dumps(results))
