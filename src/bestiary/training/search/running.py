"""How a trial is run: its arguments set, a new model trained, its objective found; in all processes at once."""

import gc
import math
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError
from ...core.logging import get_logger
from ..checkpoints import PREFIX_CHECKPOINT_DIR
from ..interruption import TrialPruned
from .as_before import as_before
from .shared_trial import SharedTrial
from .stop import StopAt
from .trial_record import FAILED, PRUNED, STOPPED, TrialRecord

logger = get_logger(__name__)


class EndsSearch(ArgumentError):
    """A mistake that is no trial's own: the search ends."""

    code = "argument"


class WrongObjective(EndsSearch):
    """`compute_objective` gave something that cannot be compared: every trial would end so."""

    code = "argument"


class RepeatedName(EndsSearch):
    """`hp_name` gave two trials one name, so they would share a folder."""

    code = "argument"


@dataclass
class Running:
    """The trial that a trainer is busy with.

    Fields:
        trial: what the backend made. name: of its folder. shown_name: what `hp_name` gave.
        arguments: those it set. began: whether callbacks heard that its training begins.
    """

    trial: Any
    name: str
    shown_name: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    began: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """What was drawn, each value that became an argument as it became one."""
        return params_of(self.trial) | {name: value for name, value in self.arguments.items() if name in params_of(self.trial)}


def params_of(trial: Any) -> dict[str, Any]:
    """The values of a trial, of whatever backend."""
    if isinstance(trial, Mapping):
        return {name: value for name, value in trial.items() if name != "wandb"}
    return dict(trial.params)


def name_of(trial: Any) -> str:
    """The number or name that a backend gave to a trial."""
    return str(getattr(trial, "number", "0"))


def run_trial(trainer: Any, trial: Any, stop: float | None = None, checkpoint: str | None = None) -> TrialRecord:
    """Train with a trial; afterwards the trainer is as it was, and the trial's model is gone.

    Args:
        stop: the part of the training after which it pauses, and saves itself. checkpoint: where it paused before.

    Returns:
        What came of it; a trial that failed is no error.

    Raises:
        WrongObjective: `compute_objective` gave something that cannot be compared. RepeatedName: two trials have one name.
    """
    begin = time.time()
    record = TrialRecord(name_of(trial), {})
    with as_before(trainer):
        pause = None if stop is None else StopAt(stop)
        if pause is not None:
            trainer.add_callback(pause)
        trainer.objective = trainer._objective_step = trainer._running = None
        try:
            trainer.train(resume_from_checkpoint=checkpoint, trial=trial)
            paused = pause is not None and pause.paused
            if trainer.objective is None or (paused and trainer._objective_step != trainer.state.global_step):
                trainer._take_objective(trainer.evaluate())
            record.objectives = objectives_of(trainer.objective)
            checkpoint_now = _checkpoint_of(trainer) if paused else None
            if not all(map(math.isfinite, record.objectives)):
                record.status, record.error = FAILED, f"the objective is {trainer.objective}"
            elif paused:
                record.status, record.checkpoint = STOPPED, checkpoint_now
        except EndsSearch:
            raise
        except TrialPruned:
            _note_pruned(trainer, record)
        except Exception as error:
            if type(error).__name__ == TrialPruned.__name__:  # Optuna's, raised by a function of the user
                _note_pruned(trainer, record)
            else:
                record.status, record.error = FAILED, f"{type(error).__name__}: {error}"
                logger.warning("Trial %s failed: %s", record.name, record.error, exc_info=error)
                _tell_end(trainer, failed=True)
        running = trainer._running
        record.params = {} if running is None else running.params
        record.name = record.name if running is None else running.name
        if running is not None and running.began:
            record.steps, record.planned = trainer.state.global_step, trainer.state.max_steps
        trainer._running = None
        model = (lambda: None) if trainer.model is None else weakref.ref(trainer.model)
        if "accelerator" in vars(trainer):  # a subclass may have prepared a model by it
            trainer.accelerator.free_memory()
    record.seconds = round(time.time() - begin, 3)
    if model() is not None and model() is not trainer.model:
        gc.collect()  # what shares a model between processes, or an exception, holds it in a circle
    return record


def _checkpoint_of(trainer: Any) -> str | None:
    """The checkpoint of the last step, if a training can go on from it."""
    path = Path(trainer._get_output_dir(trial=None)) / f"{PREFIX_CHECKPOINT_DIR}-{trainer.state.global_step}"
    whole = path.is_dir() and not trainer.args.save_only_model
    return str(path) if trainer.args.processes.of_first(whole) else None


def _note_pruned(trainer: Any, record: TrialRecord) -> None:
    record.status = PRUNED
    record.objectives = [] if trainer.objective is None else objectives_of(trainer.objective)
    _tell_end(trainer)


def _tell_end(trainer: Any, failed: bool = False) -> None:
    """Callbacks that heard a training begin hear it end: bars are closed, reporters finish.

    Args:
        failed: by an error, which those that have `on_train_failed` heard of already.
    """
    if trainer._running is not None and trainer._running.began:
        if failed:
            handler = trainer.callback_handler
            handler.callbacks = [each for each in handler.callbacks if not hasattr(each, "on_train_failed")]
        trainer.control = trainer.callback_handler.on_train_end(trainer.args, trainer.state, trainer.control)


def objectives_of(value: Any) -> list[float]:
    """One objective or several, as a list of numbers."""
    return [float(each) for each in value] if isinstance(value, Sequence) else [float(value)]


Run = Callable[..., TrialRecord]


def in_all_processes(trainer: Any, search: Callable[[Run], Any]) -> Any:
    """Search in the first process; the others train what it says. Every process gets what `search` returned.

    Args:
        search: gets a function like `run_trial` without its first argument.

    Raises:
        Whatever `search` raised, in every process.
    """
    processes = trainer.args.processes
    if processes.count == 1:
        return search(lambda trial, **options: run_trial(trainer, trial, **options))
    if not processes.is_first():
        while True:
            order = processes.of_first(None)
            if "trial" not in order:
                if order["error"] is not None:
                    raise order["error"]
                return order["result"]
            with suppress(EndsSearch):  # the first process has it too, and says what comes next
                run_trial(trainer, SharedTrial(processes, order["trial"]), **order["options"])

    def run(trial: Any, **options: Any) -> TrialRecord:
        processes.of_first({"trial": trial.number, "options": options})
        return run_trial(trainer, SharedTrial(processes, trial.number, trial), **options)

    try:
        result = search(run)
    except Exception as error:
        processes.of_first({"error": error.with_traceback(None), "result": None})
        raise
    processes.of_first({"error": None, "result": result})
    return result
