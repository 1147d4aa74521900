"""`RunReport`: the report of a running training, written at its saves and when it ends, whichever way."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.logging import warn_once
from ...core.optional import available
from ..callbacks.base import SeesTrainer
from ..interruption import TrialPruned
from ..lengths import NO_END

# Of the time of a training, at most this part goes into reports at saves.
_SHARE = 0.01


class RunReport:
    """Writes `training_report.html` into the folder of a training, in the first process, unless its arguments say otherwise.

    Fields:
        saved_at: the step of the last checkpoint, None before the first.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.begun = time.perf_counter()
        self.saved_at: int | None = None
        self._next = 0.0

    def saved(self) -> None:
        """A checkpoint was written: so is a report, unless writing these takes too much of the time."""
        self.saved_at = self.trainer.state.global_step
        if time.perf_counter() >= self._next:
            self._write("running", "")

    def ended(self, error: BaseException | None = None) -> None:
        """The training is over; by an error, if there is one."""
        state = self.trainer.state
        reason = f"It ended at step {state.global_step}" if state.global_step < state.max_steps else ""
        reason += f" of {state.max_steps}." if reason and state.max_steps < NO_END else "." if reason else ""
        if error is not None and state.global_step <= self.trainer.first_step:
            return  # nothing was trained
        if error is None:
            self._write("finished", reason, picture=True)
        elif isinstance(error, Exception):
            self._write("failed", f"{reason} {type(error).__name__}: {error!s:.2000}".strip(), picture=True, quiet=True)
        else:  # Ctrl-C, the process was asked to end, or a search ended its trial
            self._write("stopped", reason, quiet=True)

    def _write(self, status: str, reason: str, picture: bool = False, quiet: bool = False) -> None:
        """Write it. `quiet`: a page that cannot be written is no news beside the error of the training."""
        args = self.trainer.args
        if not (args.training_report and args.should_save and self.trainer.is_world_process_zero()):
            return
        began = time.perf_counter()
        try:
            from .gathering import gather
            from .history import History
            from .writing import PICTURE_NAME, REPORT_NAME, write_report

            folder = Path(self.trainer._get_output_dir(trial=None))
            history = History.of(self.trainer.state.log_history)
            facts = gather(self.trainer, began - self.begun)
            facts.status, facts.reason = status, reason
            write_report(history, facts, folder / REPORT_NAME)
            in_search = self.trainer._running is not None  # whose page shows all trials; a picture takes long
            if picture and not in_search and available("matplotlib"):
                write_report(history, facts, folder / PICTURE_NAME)
        except Exception as error:  # noqa: BLE001 (no training may end because of a page about it)
            if not quiet:
                warn_once("no-report", f"the report of the training was not written ({type(error).__name__}: {error})")
        now = time.perf_counter()
        self._next = now + (now - began) / _SHARE


@contextmanager
def reported(trainer: Any) -> Iterator[None]:
    """A training within this block is reported, also one that fails; callbacks that want to know hear of the error first."""
    trainer.report = RunReport(trainer)
    seeing = [each for each in trainer.callback_handler.callbacks if isinstance(each, SeesTrainer)]
    for each in seeing:
        each.trainer = trainer
    trainer.pace.start()
    try:
        yield
    except BaseException as error:
        trainer.pace.stop()
        if not isinstance(error, TrialPruned):
            trainer.callback_handler.on_train_failed(trainer.args, trainer.state, trainer.control, error)
        trainer.report.ended(error)
        raise
    finally:
        for each in seeing:
            each.trainer = None
    trainer.pace.stop()
    trainer.report.ended()
