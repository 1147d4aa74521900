"""A search trains new models with other arguments each time, names the best, and leaves no trace on the trainer."""

import gc
import inspect
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.kit.search import Regression, space, trainer

from bestiary import Trainer, TrainerCallback
from bestiary.core.errors import ArgumentError, MissingDependency, SearchError
from bestiary.training.search.all_backends import ALL_HYPERPARAMETER_SEARCH_BACKENDS
from bestiary.training.search.best_run import default_compute_objective
from bestiary.training.search.given_arguments import as_kind
from bestiary.training.search.sampled_trial import SampledTrial


def test_the_signature_is_the_published_one() -> None:
    ours, theirs = (inspect.signature(each.hyperparameter_search).parameters for each in (Trainer, transformers.Trainer))
    assert [(each.name, each.default, each.kind) for each in ours.values()] == [
        (each.name, each.default, each.kind) for each in theirs.values()
    ]


class Recorder(TrainerCallback):
    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        told = (state.is_hyper_param_search, state.trial_name, state.trial_params)
        self.seen.append(("begin", *told, args.learning_rate, args.per_device_train_batch_size))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.seen.append(("end", state.global_step))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_of_all_trials_is_found(direction: str, tmp_path: Path) -> None:
    recorder = Recorder()
    searched = trainer(tmp_path, callbacks=[recorder])
    reached: list[float] = []

    def objective(metrics: dict[str, float]) -> float:
        reached.append(metrics["eval_loss"])
        return metrics["eval_loss"]

    best = searched.hyperparameter_search(space, objective, n_trials=4, direction=direction, backend="random")
    assert len(reached) == 4
    chosen = (min if direction == "minimize" else max)(range(4), key=lambda index: reached[index])
    assert best == (str(chosen), reached[chosen], best.hyperparameters, None)
    begins = [each for each in recorder.seen if each[0] == "begin"]
    assert [each[1:3] for each in begins] == [(True, None)] * 4
    assert [each[3] for each in begins] == [
        {"learning_rate": each[4], "per_device_train_batch_size": each[5]} for each in begins
    ]
    assert {each[5] for each in begins} == {4, 8}  # a text became a number
    assert best.hyperparameters == begins[chosen][3]
    assert len({each[4] for each in begins}) == 4
    assert [each[0] for each in recorder.seen] == ["begin", "end"] * 4


def test_the_trainer_is_as_it_was_and_trains(tmp_path: Path) -> None:
    recorder = Recorder()
    searched = trainer(tmp_path, callbacks=[recorder], label_smoothing_factor=0.0)
    before = {name: value for name, value in vars(searched).items() if name != "callback_handler"}
    args, callbacks = str(searched.args), list(searched.callback_handler.callbacks)
    best = searched.hyperparameter_search(space, n_trials=2, backend="random")
    assert str(searched.args) == args
    assert searched.callback_handler.callbacks == callbacks
    for name, value in before.items():
        assert vars(searched)[name] is value or name == "control", name
    assert searched.hp_search_backend is None
    recorder.seen.clear()
    for name, value in best.hyperparameters.items():
        setattr(searched.args, name, value)
    searched.train()
    assert recorder.seen[0][1:4] == (False, None, None)
    assert searched.evaluate()["eval_loss"] == best.objective  # the same seed, the same arguments: the same training


def test_each_trial_frees_its_memory(tmp_path: Path) -> None:
    """A model is gone when the next is made: there are never more than the trainer's own and that of the trial."""
    models: list[weakref.ref[Any]] = []
    optimizers: list[weakref.ref[Any]] = []
    alive: list[int] = []

    class Noter(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
            optimizers.append(weakref.ref(optimizer))

    def init() -> Regression:
        alive.append(sum(each() is not None for each in (*models, *optimizers)))
        if len(models) == 9:
            raise ValueError("one that fails")
        model = Regression()
        models.append(weakref.ref(model))
        return model

    searched = trainer(tmp_path, init, [Noter], num_train_epochs=1)
    gc.disable()
    try:
        searched.hyperparameter_search(space, n_trials=20, backend="random")
    finally:
        gc.enable()
    assert len(alive) == 21
    assert alive[1:] == [1] * 20
    assert [each() is not None for each in models] == [True] + [False] * (len(models) - 1)


@pytest.mark.parametrize("backend", ["random", "optuna"])
def test_a_trial_that_fails_is_noted_and_others_go_on(backend: str, tmp_path: Path) -> None:
    recorder = Recorder()

    class Breaker(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if len([each for each in recorder.seen if each[0] == "begin"]) == 2:
                raise RuntimeError("broken here")

    searched = trainer(tmp_path, callbacks=[recorder, Breaker])
    best = searched.hyperparameter_search(space, n_trials=3, backend=backend)
    assert best.run_id in ("0", "2")
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == ["complete", "failed", "complete"]
    assert lines[2].endswith("RuntimeError: broken here")
    assert [each[0] for each in recorder.seen] == ["begin", "end"] * 3  # its bars and files are closed
    assert not searched.is_in_train
    assert not searched.listener.listening


@pytest.mark.parametrize("backend", ["random", "optuna"])
def test_where_all_fail_the_error_says_why(backend: str, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="none of 2 trials.*expected a number of at least 0"):
        trainer(tmp_path).hyperparameter_search(lambda trial: {"learning_rate": -1.0}, n_trials=2, backend=backend)


@pytest.mark.parametrize("backend", ["random", "optuna"])
def test_an_objective_that_is_none_ends_the_search_at_once(backend: str, tmp_path: Path) -> None:
    recorder = Recorder()
    searched = trainer(tmp_path, callbacks=[recorder])
    with pytest.raises(ArgumentError, match="compute_objective gave 'high'; expected a number"):
        searched.hyperparameter_search(space, lambda metrics: "high", n_trials=5, backend=backend)
    assert len(recorder.seen) == 2
    with pytest.raises(ArgumentError, match="gave 2 numbers, and there are 1"):
        searched.hyperparameter_search(space, lambda metrics: (1.0, 2.0), n_trials=5, backend=backend)


def test_a_result_that_is_no_number_counts_as_a_failure(tmp_path: Path) -> None:
    values = iter([float("nan"), 2.0, 1.0])
    best = trainer(tmp_path).hyperparameter_search(space, lambda metrics: next(values), n_trials=3, backend="random")
    assert (best.run_id, best.objective) == ("2", 1.0)


def test_folders_and_names(tmp_path: Path) -> None:
    recorder = Recorder()
    searched = trainer(tmp_path, callbacks=[recorder], save_strategy="epoch", num_train_epochs=1)
    searched.hyperparameter_search(space, n_trials=1, backend="random")
    assert sorted(path.name for path in (tmp_path / "run-0").iterdir()) == ["checkpoint-4", "training_report.html"]
    checkpoint = tmp_path / "run-0" / "checkpoint-4"
    state = (checkpoint / "trainer_state.json").read_text()
    assert '"is_hyper_param_search": true' in state
    searched.hyperparameter_search(space, n_trials=1, backend="random", hp_name=lambda trial: f"mine-{trial.number}")
    assert (tmp_path / "mine-0" / "checkpoint-4").is_dir() or (tmp_path / "mine-0" / "checkpoint-8").is_dir()
    assert [each[2] for each in recorder.seen if each[0] == "begin"] == [None, "mine-0"]
    searched.train()
    assert (tmp_path / "checkpoint-4").is_dir()


def test_model_init_gets_the_trial(tmp_path: Path) -> None:
    seen = []

    def init(trial: Any) -> Regression:
        model = Regression()
        if trial is not None:
            model.drop.p = trial.suggest_categorical("dropout", [0.0, 0.5])
            seen.append((trial.number, trial.params["dropout"]))
        return model

    best = trainer(tmp_path, init).hyperparameter_search(space, n_trials=4, backend="random")
    assert [number for number, _ in seen] == [0, 1, 2, 3]
    assert {value for _, value in seen} == {0.0, 0.5}
    assert best.hyperparameters["dropout"] == seen[int(best.run_id)][1]


def test_what_is_no_argument_is_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="learning_rat is no argument of training.*Did you mean 'learning_rate'"):
        trainer(tmp_path).hyperparameter_search(
            lambda trial: {"learning_rat": trial.suggest_float("learning_rat", 0.1, 1)}, n_trials=1, backend="random"
        )


def test_a_trial_sets_nothing_for_the_next(tmp_path: Path) -> None:
    """Arguments that only some trials set; what hangs on arguments is made anew."""
    smoothed = []

    class Own(Trainer):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            smoothed.append((self.args.weight_decay, self.label_smoother is not None))
            return super().compute_loss(*args, **kwargs)

    base = trainer(tmp_path, max_steps=1)
    searched = Own(model_init=Regression, args=base.args, train_dataset=base.train_dataset, eval_dataset=base.eval_dataset)
    searched.hyperparameter_search(
        lambda trial: {"weight_decay": 0.5} if trial.number % 2 else {}, n_trials=3, backend="random"
    )
    assert list(dict.fromkeys(smoothed)) == [(0.0, False), (0.5, False)]
    assert [pair[0] for pair in smoothed].count(0.5) * 2 == [pair[0] for pair in smoothed].count(0.0)


def test_what_a_search_needs(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    fixed = Trainer(Regression(), made.args, train_dataset=made.train_dataset, eval_dataset=made.eval_dataset)
    with pytest.raises(ArgumentError, match="the trainer was given one model; make it with Trainer\\(model_init"):
        fixed.hyperparameter_search(space)
    optimizer = torch.optim.SGD(Regression().parameters(), 0.1)
    with pytest.raises(ArgumentError, match="model_init makes another"):
        Trainer(model_init=Regression, args=made.args, optimizers=(optimizer, None))
    for options, message in (
        ({"direction": "up"}, "direction is 'up'; expected minimize"),
        ({"direction": []}, "empty list"),
        ({"n_trials": 0}, "n_trials is 0"),
        ({"compute_objective": 3}, "compute_objective is 3; expected a function"),
        ({"backend": "random", "seeed": 1}, "has no option 'seeed'.*Did you mean 'seed'"),
        ({"backend": "random", "timeout": -1}, "timeout is -1"),
        ({"backend": "halving", "factor": 1}, "factor is 1"),
        ({"backend": "halving", "direction": ["minimize", "maximize"]}, "several directions"),
        ({"backend": "random", "hp_space": lambda trial: 3}, "hp_space gave a int"),
    ):
        with pytest.raises(ArgumentError, match=message):
            made.hyperparameter_search(**{"hp_space": space, **options})
    with pytest.raises(ValueError, match="'up' is not a valid HPSearchBackend.*optuna.*halving"):
        made.hyperparameter_search(space, backend="up")
    made.eval_dataset = None
    with pytest.raises(ArgumentError, match="the trainer has no eval_dataset"):
        made.hyperparameter_search(space)


def test_the_default_backend_and_missing_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"optuna", "ray", "wandb"}
    for backend in ALL_HYPERPARAMETER_SEARCH_BACKENDS.values():
        monkeypatch.setattr(backend, "is_available", classmethod(lambda cls: cls.package is None or cls.package in installed))
    from bestiary.training.search.all_backends import default_hp_search_backend

    for name in ("optuna", "ray", "wandb"):
        assert default_hp_search_backend() == name
        installed.remove(name)
        with pytest.raises(MissingDependency, match=f"backend='{name}' needs the package '{name}'.*pip install"):
            trainer(tmp_path).hyperparameter_search(space, backend=name)
    assert default_hp_search_backend() == "random"
    assert trainer(tmp_path, max_steps=1).hyperparameter_search(space, n_trials=1).run_id == "0"


@pytest.mark.parametrize(
    "metrics",
    [
        {"eval_loss": 0.5},
        {"eval_loss": 0.5, "epoch": 1.0, "eval_runtime": 3.0, "eval_samples_per_second": 2.0, "eval_steps_per_second": 1.0},
        {"eval_loss": 0.5, "eval_f1": 0.8, "eval_acc": 0.9, "epoch": 3},
        {"eval_a_loss": 1.0, "eval_b_loss": 2.0, "eval_a_runtime": 5.0},
        {},
    ],
)
def test_the_default_objective_is_the_published_one(metrics: dict[str, float]) -> None:
    assert default_compute_objective(metrics) == transformers.trainer_utils.default_compute_objective(metrics)


def test_times_and_counts_are_no_objective() -> None:
    """The published one adds these up, where they come."""
    counted = {"eval_loss": 0.5, "eval_jit_compilation_time": 3.0, "eval_model_preparation_time": 1.0}
    assert default_compute_objective({**counted, "num_input_tokens_seen": 100}) == 0.5


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("16", int, 16),
        (16.0, int, 16),
        ("1e-3", float, 1e-3),
        (3, float, 3),
        ("3", int | None, 3),
        ("false", bool, False),
        ("True", bool, True),
        ("cosine", str, "cosine"),
        (torch.tensor(2.5), float, 2.5),
        (True, bool, True),
        ("all", str | bool, "all"),
    ],
)
def test_values_become_what_their_argument_is(value: Any, kind: Any, expected: Any) -> None:
    found = as_kind("each", value, kind)
    assert (found, type(found)) == (expected, type(expected))


def test_a_text_that_is_no_number_is_refused() -> None:
    with pytest.raises(ArgumentError, match="sets each to 'many'; expected int"):
        as_kind("each", "many", int)


@pytest.mark.parametrize("backend", ["random", "halving", "optuna"])
def test_a_name_that_occurs_twice_is_refused(backend: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="hp_name calls two trials 'same'"):
        trainer(tmp_path).hyperparameter_search(space, n_trials=3, backend=backend, hp_name=lambda trial: "same")
    named = trainer(tmp_path).hyperparameter_search(
        space, n_trials=3, backend=backend, hp_name=lambda trial: f"t{trial.number}"
    )
    assert named.run_id in ("0", "1", "2")


@pytest.mark.parametrize("backend", ["random", "halving", "optuna"])
@pytest.mark.parametrize("where", ["hp_space", "model_init"])
def test_an_error_of_a_users_function_fails_one_trial(backend: str, where: str, tmp_path: Path) -> None:
    def breaking(trial: Any) -> dict[str, Any]:
        if where == "hp_space" and trial.number == 1:
            raise ValueError("broken here")
        return space(trial)

    def init(trial: Any) -> Regression:
        if where == "model_init" and trial is not None and trial.number == 1:
            raise ValueError("broken here")
        return Regression()

    best = trainer(tmp_path, init).hyperparameter_search(breaking, n_trials=3, backend=backend)
    assert best.run_id in ("0", "2")
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert [line.split(",")[1] == "failed" for line in lines[1:]] == [False, True, False]
    assert "ValueError: broken here" in lines[2]


@pytest.mark.parametrize("backend", ["random", "halving"])
def test_numbers_without_meaning_are_named(backend: str, tmp_path: Path) -> None:
    searched = trainer(tmp_path)
    with pytest.raises(ArgumentError, match="n_trials is None"):
        searched.hyperparameter_search(space, n_trials=None, backend=backend)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="timeout is nan"):
        searched.hyperparameter_search(space, n_trials=2, backend=backend, timeout=float("nan"))
    with pytest.raises(ArgumentError, match="seed goes from 'a' to 9"):
        SampledTrial(0, 0).suggest_int("seed", "a", 9)  # type: ignore[arg-type]
