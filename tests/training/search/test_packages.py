"""Ray Tune and Weights & Biases, by small modules of their names that record what they are asked; Optuna's options."""

import pickle
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import optuna
import pytest
from tests.kit.search import Regression, space, trainer

from bestiary import TrainerCallback
from bestiary.core.errors import ArgumentError, SearchError
from bestiary.training.search.backends.ray import RayTuneBackend
from bestiary.training.search.backends.wandb import WandbBackend


class Sampler:
    """Gives one value after the other."""

    def __init__(self, *values: Any) -> None:
        self.values = values


class Ray:
    """Runs each trial on a trainer that was sent away and came back, as Ray's workers do."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.reports: list[dict[str, Any]] = []
        self.current = ""
        self.trials: list[Any] = []

    def with_parameters(self, function: Any, **given: Any) -> Any:
        sent = {name: pickle.dumps(value) for name, value in given.items()}
        return lambda config: function(config, **{name: pickle.loads(value) for name, value in sent.items()})  # noqa: S301

    def report(self, metrics: dict[str, Any]) -> None:
        self.reports.append(metrics)

    def get_context(self) -> Any:
        return SimpleNamespace(get_trial_id=lambda: self.current)

    def run(self, function: Any, config: dict[str, Any], num_samples: int, **options: Any) -> Any:
        self.asked = {"config": config, "num_samples": num_samples, **options}
        trials = []
        for index in range(num_samples):
            self.current, self.reports = f"t{index}", []
            values = {name: each.values[index] for name, each in config.items()}
            trial = SimpleNamespace(trial_id=self.current, config=values, status="TERMINATED", get_error=lambda: None)
            try:
                function(values)
            except RuntimeError as error:
                trial.status, trial.get_error = "ERROR", lambda error=error: error
            trial.last_result = {**(self.reports[-1] if self.reports else {}), "time_total_s": 1.0}
            trial.reports = self.reports
            trials.append(trial)
        self.trials = trials
        return SimpleNamespace(trials=trials, get_best_trial=lambda **how: self.best(trials, **how))

    def best(self, trials: list[Any], metric: str, mode: str, scope: str) -> Any:
        self.asked |= {"metric": metric, "mode": mode, "scope": scope}
        sign = 1 if mode == "min" else -1
        return min((each for each in trials if each.status == "TERMINATED"), key=lambda each: sign * each.last_result[metric])


def no_model(trial: Any) -> Regression:
    if trial is not None and trial["warmup_steps"] == 3:
        raise ValueError("no three")
    return Regression()


class Fails(TrainerCallback):
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.warmup_steps == 3:
            raise ValueError("no three")


def loss(metrics: dict[str, float]) -> float:
    return metrics["eval_loss"]


def ray_space(trial: Any) -> dict[str, Any]:
    return {"learning_rate": Sampler(0.1, 0.2, 0.3), "warmup_steps": Sampler(0, 3, 0), "seed": Sampler(3.7, 4.1, 5.5)}


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    stand_in = Ray()
    package, tune = ModuleType("ray"), ModuleType("ray.tune")
    package.__spec__, tune.__spec__ = ModuleSpec("ray", None), ModuleSpec("ray.tune", None)
    for name in ("with_parameters", "report", "get_context", "run"):
        setattr(tune, name, getattr(stand_in, name))
    package.tune = tune  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", package)
    monkeypatch.setitem(sys.modules, "ray.tune", tune)
    monkeypatch.setattr(RayTuneBackend, "is_available", classmethod(lambda cls: True))
    return stand_in


def test_ray_trains_copies_elsewhere(ray: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = trainer(Path("out"), Regression, [Fails], eval_strategy="epoch")
    model = made.model
    best = made.hyperparameter_search(ray_space, loss, n_trials=3, backend="ray", resources_per_trial={"cpu": 2}, stop="s")
    assert made.model is model
    assert (ray.asked["num_samples"], ray.asked["stop"]) == (3, "s")
    assert ray.asked["resources_per_trial"] == {"cpu": 2}
    assert (ray.asked["metric"], ray.asked["mode"], ray.asked["scope"]) == ("objective", "min", "last")
    assert len(ray.reports) == 3  # two evaluations, and the end
    assert ray.reports[0]["step"] == 4
    rows = (tmp_path / "out" / "trials.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [["t0", "complete"], ["t1", "failed"], ["t2", "complete"]]
    assert rows[2].endswith("ValueError: no three")
    assert best.run_id in ("t0", "t2")
    assert best.hyperparameters["seed"] in (3, 5)  # a whole number, as the argument is one
    assert len(best.run_summary.trials) == 3
    chosen = next(each for each in best.run_summary.trials if each.trial_id == best.run_id)
    assert best.objective == chosen.last_result["objective"]
    made.args.learning_rate = best.hyperparameters["learning_rate"]
    made.args.seed = best.hyperparameters["seed"]
    made.train()
    assert made.evaluate()["eval_loss"] == best.objective


def test_a_model_that_cannot_be_made_in_a_worker(ray: Ray, tmp_path: Path) -> None:
    made = trainer(tmp_path, no_model)
    best = made.hyperparameter_search(ray_space, loss, n_trials=2, backend="ray", direction="maximize", scope="all")
    assert best.run_id == "t0"
    assert (ray.asked["mode"], ray.asked["scope"]) == ("max", "all")
    assert "t1,failed" in (tmp_path / "trials.csv").read_text()


def one_name(trial: Any) -> str:
    return "late" if trial["warmup_steps"] == 0 else "early"


def no_number(metrics: dict[str, float]) -> str:
    return "much"


def test_what_ends_a_search_of_ray(ray: Ray, tmp_path: Path) -> None:
    """The first and the third trial have one name, in workers that know nothing of each other; an objective that is none."""
    made = trainer(tmp_path / "out")
    with pytest.raises(ArgumentError, match="hp_name calls two trials 'late'"):
        made.hyperparameter_search(ray_space, loss, n_trials=3, backend="ray", hp_name=one_name)
    with pytest.raises(ArgumentError, match="compute_objective gave 'much'"):
        made.hyperparameter_search(ray_space, no_number, n_trials=3, backend="ray")
    assert ray.trials[1].get_error().args == ("the search has ended",)
    assert not list((tmp_path / "out").glob(".trials-*"))


def test_what_ray_cannot_do(ray: Ray, tmp_path: Path) -> None:
    made = trainer(tmp_path)
    with pytest.raises(ArgumentError, match="several directions; take optuna"):
        made.hyperparameter_search(ray_space, backend="ray", direction=["minimize", "minimize"])
    scheduler = type("PopulationBasedTraining", (), {})()
    with pytest.raises(ArgumentError, match="PopulationBasedTraining goes on with trials from checkpoints"):
        made.hyperparameter_search(ray_space, backend="ray", scheduler=scheduler)


class Sweeps(ModuleType):
    """A server of sweeps that draws what it is told."""

    def __init__(self, *drawn: dict[str, Any]) -> None:
        super().__init__("wandb")
        self.__spec__ = ModuleSpec("wandb", None)
        self.drawn, self.run = drawn, None
        self.sweeps: list[Any] = []
        self.runs: list[Any] = []
        self.asked: dict[str, Any] = {}

    def sweep(self, config: dict[str, Any], **place: Any) -> str:
        self.sweeps.append((config, place))
        return "made"

    def init(self) -> Any:
        self.run = SimpleNamespace(id=f"r{len(self.runs)}", config=self.drawn[len(self.runs)], logged=[], code=None)
        self.run.log = self.run.logged.append
        self.run.finish = lambda exit_code: self.finished(exit_code)
        self.runs.append(self.run)
        return self.run

    def finished(self, code: int) -> None:
        self.run.code, self.run = code, None

    def agent(self, sweep: str, function: Any, count: int, **place: Any) -> None:
        self.asked = {"sweep": sweep, "count": count, **place}
        for _ in range(count):
            function()


def sweep_space(trial: Any) -> dict[str, Any]:
    return {"method": "bayes", "metric": {"name": "objective"}, "parameters": {"learning_rate": {"min": 0.1, "max": 0.3}}}


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Sweeps:
    stand_in = Sweeps({"learning_rate": 0.1, "_wandb": {}}, {"learning_rate": 0.2}, {"learning_rate": -1.0})
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    monkeypatch.setattr(WandbBackend, "is_available", classmethod(lambda cls: True))
    return stand_in


def test_a_sweep(wandb: Sweeps, tmp_path: Path) -> None:
    seen: list[Any] = []

    def init(trial: Any) -> Regression:
        seen.append(trial)
        return Regression()

    made = trainer(tmp_path, init, eval_strategy="epoch")
    best = made.hyperparameter_search(
        sweep_space, loss, n_trials=3, direction="maximize", backend="wandb", project="p", name="n"
    )
    described = {"name": "n", "metric": {"name": "objective", "goal": "maximize"}}
    assert wandb.sweeps == [({**sweep_space(None), **described}, {"project": "p", "entity": None})]
    assert wandb.asked == {"sweep": "made", "count": 3, "project": "p", "entity": None}
    assert seen[1:] == [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    assert [each.code for each in wandb.runs] == [0, 0, 1]
    ends = [each.logged[-1]["objective"] for each in wandb.runs[:2]]
    assert best == (f"r{ends.index(max(ends))}", max(ends), {"learning_rate": 0.1 if ends[0] == max(ends) else 0.2}, None)
    assert [each["step"] for each in wandb.runs[0].logged[:-1]] == [4, 8]
    rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["complete", "complete", "failed"]


def test_joining_a_sweep_and_what_is_none(wandb: Sweeps, tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.hyperparameter_search(sweep_space, loss, n_trials=1, backend="wandb", sweep_id="theirs", metric="mine")
    assert (wandb.sweeps, wandb.asked["sweep"]) == ([], "theirs")
    assert "mine" in wandb.runs[0].logged[-1]
    for wrong, message in (
        (space, "asks its trial for values.*backend='wandb' it gets None, and returns a sweep"),
        (lambda trial: {"learning_rate": [0.1, 0.2]}, "expected a sweep"),
        (lambda trial: 3, "hp_space gave 3; with backend='wandb' expected a sweep"),
    ):
        with pytest.raises(ArgumentError, match=message):
            made.hyperparameter_search(wrong, backend="wandb")
    with pytest.raises(ArgumentError, match="a sweep has one metric"):
        made.hyperparameter_search(sweep_space, backend="wandb", direction=["minimize", "minimize"])
    with pytest.raises(ArgumentError, match="has no option 'projekt'"):
        made.hyperparameter_search(sweep_space, backend="wandb", projekt="p")


def test_optuna_goes_on_from_its_storage(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    options: dict[str, Any] = {"backend": "optuna", "study_name": "mine", "storage": storage, "load_if_exists": True}
    for count in (2, 3):
        best = trainer(tmp_path).hyperparameter_search(space, n_trials=count, gc_after_trial=True, **options)
    study = optuna.load_study(study_name="mine", storage=storage)
    assert len(study.trials) == 5
    rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert len(rows) == 6  # those of before too
    assert best.objective == study.best_value
    assert best.run_id == str(study.best_trial.number)
    assert best.hyperparameters["per_device_train_batch_size"] in (4, 8)  # a text in the study, a number as an argument


@pytest.mark.filterwarnings("ignore:trials in threads")
def test_optuna_in_threads(tmp_path: Path) -> None:
    """Each thread has a trainer of its own: arguments, state and folder of a trial are not those of another."""
    seen: dict[str, set[Any]] = {}

    class Seer(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.setdefault(state.trial_name, set()).add((args.learning_rate, str(state.trial_params)))

    made = trainer(tmp_path, callbacks=[Seer], save_strategy="epoch")
    args = str(made.args)
    made.hyperparameter_search(space, n_trials=6, n_jobs=3, timeout=100, backend="optuna", hp_name=lambda t: f"own-{t.number}")
    assert str(made.args) == args
    assert sorted(seen) == [f"own-{number}" for number in range(6)]
    assert all(len(each) == 1 for each in seen.values())
    assert len({value for each in seen.values() for value, _ in each}) == 6
    assert all(any((tmp_path / f"own-{number}").glob("checkpoint-*")) for number in range(6))


def test_a_pruned_trial_ends_cleanly(tmp_path: Path) -> None:
    events: list[str] = []

    class Seer(TrainerCallback):
        def on_train_end(self, *args: Any, **kwargs: Any) -> None:
            events.append("end")

        def on_train_failed(self, *args: Any, **kwargs: Any) -> None:
            events.append("failed")

    made = trainer(tmp_path, callbacks=[Seer], eval_strategy="epoch", save_strategy="epoch", num_train_epochs=3)
    heard = made.listener
    with pytest.raises(SearchError, match="none of 2 trials"):
        made.hyperparameter_search(space, n_trials=2, backend="optuna", pruner=optuna.pruners.ThresholdPruner(upper=-1.0))
    assert events == ["end", "end"]
    assert made.listener is heard
    assert not heard.listening
    assert not made.is_in_train
    rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["pruned", "pruned"]
    assert not list(tmp_path.glob("run-*/.*"))  # nothing half written
    assert "stopped" in (tmp_path / "run-0" / "training_report.html").read_text()


def test_a_list_of_parameters_as_sigopt_had_them(tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []

    class Seer(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append((args.learning_rate, args.seed, args.per_device_train_batch_size, args.weight_decay))

    def listed(trial: Any) -> list[dict[str, Any]]:
        return [
            {"name": "learning_rate", "type": "double", "bounds": {"min": 1e-4, "max": 1.0}, "transformation": "log"},
            {"name": "seed", "type": "int", "bounds": {"min": 1, "max": 40}},
            {"name": "per_device_train_batch_size", "type": "categorical", "categorical_values": ["4", "8"]},
            {"name": "weight_decay", "type": "double", "grid": [0.0, 0.1]},
        ]

    best = trainer(tmp_path, callbacks=[Seer]).hyperparameter_search(listed, n_trials=12, backend="sigopt")
    assert all(1e-4 <= rate <= 1 and 1 <= seed <= 40 for rate, seed, _, _ in seen)
    assert sum(rate < 1e-2 for rate, *_ in seen) >= 3  # the logarithm is drawn
    assert {size for _, _, size, _ in seen} == {4, 8}
    assert {decay for *_, decay in seen} == {0.0, 0.1}
    assert tuple(best.hyperparameters.values()) == seen[int(best.run_id)]
    for wrong, message in (
        ([{"type": "double"}], 'expected a dict with "name"'),
        ([{"name": "seed", "type": "int"}], '"double" or "int" with'),
        ([{"name": "seed", "type": "text", "bounds": {"min": 1, "max": 2}}], "has the type 'text'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            trainer(tmp_path).hyperparameter_search(lambda trial, wrong=wrong: wrong, backend="sigopt")
