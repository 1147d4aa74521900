"""`Trainer.hyperparameter_search`, and what a trainer does differently while a search trains it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from os.path import normpath
from pathlib import Path
from typing import Any

import torch

from ...core.errors import ArgumentError
from ..columns import parameters_of_function
from ..interruption import TrialPruned
from ..losses import LabelSmoother
from .all_backends import ALL_HYPERPARAMETER_SEARCH_BACKENDS, default_hp_search_backend
from .backend import HPSearchBackend
from .best_run import BestRun, default_compute_objective
from .given_arguments import as_arguments
from .running import RepeatedName, Running, WrongObjective, name_of, objectives_of, params_of
from .sampled_trial import values_of

DIRECTIONS = ("minimize", "maximize")


@dataclass(frozen=True)
class Search:
    """What is searched.

    Fields:
        hears_trial: whether `model_init` takes the trial. directions: of the objectives. names: name -> trials called so.
        shared: a folder in which processes that know nothing of each other's trials note the same.
    """

    hears_trial: bool
    directions: list[str]
    names: dict[str, set[str]] = field(default_factory=dict)
    shared: Path | None = None

    def note_name(self, shown: str, trial: str) -> None:
        """Note what a trial is called.

        Raises:
            RepeatedName: another one is called so, and would share its folder.
        """
        trials = self.names.setdefault(normpath(shown), set())
        trials.add(trial)
        if self.shared is not None:
            folder = self.shared / sha256(normpath(shown).encode()).hexdigest()
            folder.mkdir(parents=True, exist_ok=True)
            (folder / trial).touch()
            trials.update(each.name for each in folder.iterdir())
        if len(trials) > 1:
            raise RepeatedName(f"hp_name calls two trials {shown!r:.80}; expected another name for each, and so a folder")


class Searching:
    """Methods of `Trainer` for searches.

    Fields:
        hp_search_backend, hp_space, hp_name, compute_objective: of the search that is on; None without one.
        objective: of the last evaluation of a search.
    """

    hp_search_backend: HPSearchBackend | None = None
    hp_space: Any = None
    hp_name: Callable[[Any], str] | None = None
    compute_objective: Any = None
    objective: Any = None
    _objective_step: int | None = None
    _search: Search | None = None
    _running: Running | None = None

    def hyperparameter_search(
        self: Any,
        hp_space: Callable[[Any], Any] | None = None,
        compute_objective: Callable[[dict[str, float]], Any] | None = None,
        n_trials: int = 20,
        direction: str | list[str] = "minimize",
        backend: str | HPSearchBackend | None = None,
        hp_name: Callable[[Any], str] | None = None,
        **kwargs: Any,
    ) -> BestRun | list[BestRun]:
        """Train several times, each time a new model of `model_init` with other arguments, and say which were best.

        Afterwards the trainer and its arguments are as they were. A trial that fails is noted, and others go on. What came of
        all trials is printed as a table, and written to `trials.csv` and `trials.html` in `args.output_dir`.

        Args:
            hp_space: what a trial sets: function of the trial that gives a dict of arguments' values; its form is the
                backend's. compute_objective: a number of an evaluation's metrics, or several; by default the loss, or the sum
                of the other metrics. n_trials: how many trainings.
            direction: minimize or maximize; a list of them for several objectives.
            backend: optuna, ray or wandb, where installed; sigopt, for spaces that are lists; random and halving need
                nothing. By default the first that is installed, or random.
            hp_name: the name of a trial, and of its folder, which is `run-NUMBER` otherwise.
            kwargs: of the backend. For optuna, those of `create_study` and `Study.optimize`; for ray of `tune.run`; for
                wandb `sweep_id`, `project`, `entity`, `name`, `metric`; for random, sigopt and halving `seed`, `timeout`
                (seconds), `resume`, and for halving `factor`.

        Returns:
            The best run; where there are several directions, all that no other run beats in each of them.

        Raises:
            ArgumentError: there is no `model_init`, or an argument has no meaning. MissingDependency: the backend is not
            installed. SearchError: no trial came to its end.
        """
        _check(self, n_trials, compute_objective, hp_name)
        chosen = HPSearchBackend(default_hp_search_backend() if backend is None else backend)
        search: Any = ALL_HYPERPARAMETER_SEARCH_BACKENDS[chosen]()
        search.ensure_available()
        directions = _directions(direction)
        space = search.default_hp_space if hp_space is None else hp_space
        self.hp_search_backend = chosen
        self.hp_space = space if callable(space) else lambda trial: space
        self.hp_name, self.compute_objective = hp_name, compute_objective or default_compute_objective
        self._search = Search(bool(parameters_of_function(self.model_init)), directions)
        try:
            best: BestRun | list[BestRun] = search.run(self, n_trials, direction, **kwargs)
        finally:
            self.hp_search_backend = self.hp_space = self.hp_name = self.compute_objective = None
            self._search = self._running = None
        return best

    def _hp_search_setup(self: Any, trial: Any) -> None:
        """Set the arguments that a trial says; outside of a search nothing happens."""
        if self._search is None or trial is None:
            return
        args, running = self.args, Running(trial, name_of(trial))
        self._running = running
        given = trial if isinstance(trial, Mapping) else getattr(trial, "given", None)
        values = values_of(self.hp_space(trial), trial) if given is None else params_of(trial)
        # Whatever else a user's function goes by: one process decides.
        values = args.processes.of_first(values)
        running.arguments = as_arguments(args, values, self._search.hears_trial)
        if running.arguments:
            args._set(**running.arguments)
        if self.hp_name is not None:
            running.shown_name = shown = str(self.hp_name(trial))
            self._search.note_name(shown, running.name)
        self.label_smoother = LabelSmoother(args.label_smoothing_factor) if args.label_smoothing_factor else None
        self.scaler = torch.amp.GradScaler(args.device.type) if args.fp16 else None

    def _note_trial(self: Any) -> None:
        """Tell the state of a training that begins of which trial it is."""
        running = self._running
        if running is not None:
            running.began = True
            self.state.is_hyper_param_search = True
            self.state.trial_name, self.state.trial_params = running.shown_name, running.params

    def _folder_of_trial(self: Any) -> str:
        """Where checkpoints go: `args.output_dir`, in a search a folder in it."""
        folder: str = self.args.output_dir
        running = self._running
        return folder if running is None else str(Path(folder) / (running.shown_name or f"run-{running.name}"))

    def _take_objective(self: Any, metrics: Mapping[str, float]) -> None:
        """Compute the objective of an evaluation.

        Raises:
            WrongObjective: it is no number, or there are fewer or more of them than directions.
        """
        value = self.args.processes.of_first(self.compute_objective(dict(metrics)))
        wanted = len(self._search.directions)
        try:
            objectives = objectives_of(value)
        except (TypeError, ValueError) as error:
            raise WrongObjective(f"compute_objective gave {value!r:.80}; expected a number") from error
        if len(objectives) != wanted:
            raise WrongObjective(f"compute_objective gave {len(objectives)} numbers, and there are {wanted} directions")
        self.objective = objectives if isinstance(value, Sequence) else objectives[0]

    def _report_to_hp_search(self: Any, trial: Any, step: int, metrics: Mapping[str, float]) -> None:
        """Tell the search of an evaluation within a training.

        Args:
            trial: by default the one that is trained.

        Raises:
            TrialPruned: the search ends it.
        """
        trial = self._running.trial if trial is None and self._running is not None else trial
        if self._search is None or trial is None:
            return
        self._take_objective(metrics)
        self._objective_step = step
        if len(self._search.directions) == 1 and hasattr(trial, "report"):
            trial.report(objectives_of(self.objective)[0], step)
            if trial.should_prune():
                raise TrialPruned(f"at step {step}, with {self.objective}")


def _check(trainer: Any, n_trials: Any, compute_objective: Any, hp_name: Any) -> None:
    if trainer.model_init is None:
        raise ArgumentError(
            "a search trains a new model for each trial, and the trainer was given one model; make it with"
            " Trainer(model_init=FUNCTION) instead, whose function returns a new model each time"
        )
    whole = isinstance(n_trials, int) and not isinstance(n_trials, bool)
    if n_trials is not None and not (whole and n_trials >= 1):
        raise ArgumentError(f"n_trials is {n_trials!r:.40}; expected how many trainings, at least 1")
    for name, value in (("compute_objective", compute_objective), ("hp_name", hp_name)):
        if value is not None and not callable(value):
            raise ArgumentError(f"{name} is {value!r:.60}; expected a function")
    evaluates_itself = any(
        "get_eval_dataloader" in vars(kind) or "evaluate" in vars(kind) for kind in type(trainer).__mro__[:1]
    )
    if trainer.eval_dataset is None and not evaluates_itself:
        raise ArgumentError("a search compares evaluations, and the trainer has no eval_dataset")


def _directions(direction: Any) -> list[str]:
    several = list(direction) if isinstance(direction, list | tuple) else [direction]
    for each in several:
        if each not in DIRECTIONS:
            raise ArgumentError(f"direction is {direction!r:.60}; expected minimize, maximize, or a list of them")
    if not several:
        raise ArgumentError("direction is an empty list; expected minimize or maximize for each objective")
    return several
