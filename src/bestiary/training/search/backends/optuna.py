"""`optuna`: trials chosen by a sampler of Optuna, ended early by a pruner, kept in its storages."""

from typing import Any

from ....core.errors import ArgumentError
from ....core.logging import warn_once
from ....core.optional import require
from ..as_before import copy_for_thread
from ..backend import HyperParamSearchBackendBase
from ..best_run import BestRun
from ..default_spaces import default_hp_space_optuna
from ..report import report
from ..running import EndsSearch, Run, in_all_processes, run_trial
from ..trial_record import COMPLETE, FAILED, PRUNED, TrialRecord, best_runs

# What `Study.optimize` takes; everything else is for `create_study`.
_OF_OPTIMIZE = ("timeout", "n_jobs", "gc_after_trial", "catch", "callbacks", "show_progress_bar")


class OptunaBackend(HyperParamSearchBackendBase):
    """Each trial is one of a study of Optuna; evaluations on the way are reported to it, and it may end the trial by them."""

    name: str = "optuna"
    package = "optuna"
    default_space = staticmethod(default_hp_space_optuna)

    def run(self, trainer: Any, n_trials: int, direction: str | list[str], **kwargs: Any) -> BestRun | list[BestRun]:
        """Add `n_trials` trials to a study, a new one unless its storage holds one of that name.

        Args:
            kwargs: of `create_study` (study_name, storage, sampler, pruner, load_if_exists) and of `Study.optimize`.

        Raises:
            ArgumentError: threads (`n_jobs`) and processes at once.
        """
        options = {name: kwargs.pop(name) for name in _OF_OPTIMIZE if name in kwargs}
        threads = options.get("n_jobs", 1)
        if threads != 1:
            if trainer.args.world_size > 1:
                raise ArgumentError(
                    f"n_jobs is {threads}, and {trainer.args.world_size} processes train together; take one way"
                )
            warn_once("n-jobs", "trials in threads share random numbers: only n_jobs=1 gives the same results again")
        several = {"directions": direction} if isinstance(direction, list | tuple) else {"direction": direction}

        def search(run: Run) -> BestRun | list[BestRun]:
            optuna: Any = require("optuna", "the search with backend='optuna'")
            study = optuna.create_study(**{**several, **kwargs})
            errors: list[Exception] = []

            def objective(trial: Any) -> Any:
                try:
                    record = run(trial) if threads == 1 else run_trial(copy_for_thread(trainer), trial)
                except EndsSearch as error:
                    errors.append(error)
                    study.stop()
                    raise
                _note(trial, record)
                if record.status == PRUNED:
                    raise optuna.TrialPruned
                if record.status == FAILED:
                    raise TrialFailed(record.error)
                return record.objectives if len(record.objectives) > 1 else record.objectives[0]

            options["catch"] = (*_tuple(options.get("catch", ())), TrialFailed, EndsSearch)
            study.optimize(objective, n_trials=n_trials, **options)
            if errors:
                raise errors[0]
            directions = [each.name.lower() for each in study.directions]
            records = [_record(trial) for trial in study.trials if trial.state.is_finished()]
            report(trainer, records, directions)
            if len(directions) > 1:  # as Optuna has it, in its order
                front = {str(trial.number) for trial in study.best_trials}
                records = [each for each in records if each.name in front]
            return best_runs(records, directions)

        best: BestRun | list[BestRun] = in_all_processes(trainer, search)
        return best


class TrialFailed(Exception):
    """Tells Optuna that a trial went wrong; what went wrong was logged."""


def _tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, type) else tuple(value)


# What a study keeps beside what Optuna itself knows, so that a search that goes on can show it.
_STEPS, _ERROR, _PARAMS = "bestiary:steps", "bestiary:error", "bestiary:params"


def _note(trial: Any, record: TrialRecord) -> None:
    trial.set_user_attr(_STEPS, record.steps)
    if record.error is not None:
        trial.set_user_attr(_ERROR, record.error)
    changed = {name: value for name, value in record.params.items() if trial.params.get(name) != value}
    if changed:
        trial.set_user_attr(_PARAMS, changed)


def _record(trial: Any) -> TrialRecord:
    """What a study knows of a trial."""
    states = {"COMPLETE": COMPLETE, "PRUNED": PRUNED}
    status = states.get(trial.state.name, FAILED)
    if status == COMPLETE:
        values = list(trial.values)
    else:
        last = trial.last_step
        values = [] if last is None else [trial.intermediate_values[last]]
    took = trial.duration
    return TrialRecord(
        str(trial.number),
        {**trial.params, **trial.user_attrs.get(_PARAMS, {})},
        [float(each) for each in values],
        status,
        trial.user_attrs.get(_STEPS, 0),
        seconds=0.0 if took is None else round(took.total_seconds(), 3),
        error=trial.user_attrs.get(_ERROR),
    )
