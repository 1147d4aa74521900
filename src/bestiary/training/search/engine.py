"""The searches that are built in: trials drawn at random, all trained whole, or in rungs from each of which the best go on."""

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, did_you_mean
from ...core.logging import get_logger
from ..checkpoints import PREFIX_CHECKPOINT_DIR, written_by
from ..choices import SaveStrategy
from .best_run import BestRun
from .report import report
from .running import Run, in_all_processes
from .sampled_trial import SampledTrial, values_of
from .trial_record import COMPLETE, STOPPED, TrialRecord, best_runs
from .trials_file import TrialsFile, plain_values, settings_of

logger = get_logger(__name__)


class Engine:
    """A search over trials that draw themselves.

    Args:
        trainer: to be searched with. n_trials: how many begin.
        parts: of the training, after each of which trials are compared; the last is 1.
        factor: of as many trials one goes on.
        seed: of what is drawn, by default that of the arguments. timeout: seconds after which no trial begins any more.
        resume: see `TrialsFile`.
    """

    def __init__(
        self,
        trainer: Any,
        name: str,
        n_trials: int,
        parts: Sequence[float] = (1.0,),
        factor: int = 1,
        seed: int | None = None,
        timeout: float | None = None,
        resume: bool | None = None,
    ) -> None:
        check_count(name, n_trials)
        self.trainer, self.n_trials, self.parts, self.factor = trainer, n_trials, parts, factor
        self.seed = trainer.args.seed if seed is None else seed
        self.end = None if timeout is None else time.monotonic() + timeout
        self.directions: list[str] = trainer._search.directions
        counts = {"trials": n_trials} if len(parts) > 1 else {}
        settings = {"backend": name, "directions": self.directions, "seed_of_search": self.seed, "factor": factor}
        self.settings = settings_of(trainer.args, **settings, **counts)
        self.resume = resume

    def search(self) -> BestRun | list[BestRun]:
        """Run all trials that are not there yet, and return the best."""
        best: BestRun | list[BestRun] = in_all_processes(self.trainer, self._search)
        return best

    def _search(self, run: Run) -> BestRun | list[BestRun]:
        file = TrialsFile(self.trainer.args.output_dir, self.settings, self.resume)
        last: dict[int, TrialRecord] = {}
        numbers = list(range(self.n_trials))
        for rung, part in enumerate(self.parts):
            for number in numbers:
                if self.end is not None and time.monotonic() > self.end:
                    logger.warning("The search ends before all trials were run, for its time is over")
                    break
                last[number] = self._trained(run, file, number, rung, part, last.get(number))
            numbers = self._promoted([(number, last[number]) for number in numbers if number in last])
        file.write(finished=True)
        self._forget(list(file.records.values()))
        records = list(last.values())
        report(self.trainer, records, self.directions)
        return best_runs(records, self.directions)

    def _trained(
        self, run: Run, file: TrialsFile, number: int, rung: int, part: float, before: TrialRecord | None
    ) -> TrialRecord:
        """What comes of a trial at a rung: as it was written down, or by training."""
        if before is not None and before.steps >= math.ceil(part * before.planned):
            return before  # so few steps that there is nothing between two rungs
        probe = SampledTrial(number, self.seed)
        # What the file holds counts if the space still gives the same.
        try:
            space = self.trainer.hp_space(probe)
        except Exception:  # noqa: BLE001 (running the trial meets it again, and notes it)
            space = {}
        drawn = plain_values(values_of(space, probe))
        stored = file.of(number, rung, drawn)
        if stored is not None:
            return stored
        # Without it the trial is trained again from its beginning, to the same end.
        checkpoint = None if before is None else self._checkpoint_of(before)
        record = run(SampledTrial(number, self.seed), stop=part if part < 1 else None, checkpoint=checkpoint)
        record.rung, record.drawn = rung, drawn
        if before is not None:
            record.seconds = round(record.seconds + before.seconds, 3)
        file.add(number, rung, record)
        return record

    def _forget(self, records: Sequence[TrialRecord]) -> None:
        """Remove the checkpoints of trials that paused, where the training was to write none."""
        if self.trainer.args.save_strategy == SaveStrategy.NO:
            for record in records:
                checkpoint = self._checkpoint_of(record)
                if checkpoint is not None:
                    shutil.rmtree(checkpoint, ignore_errors=True)

    def _checkpoint_of(self, record: TrialRecord) -> str | None:
        """The checkpoint of a trial, if it is one that a training wrote below `output_dir`: the file of trials may name any."""
        if record.checkpoint is None:
            return None
        path, folder = Path(record.checkpoint).resolve(), Path(self.trainer.args.output_dir).resolve()
        is_ours = path.is_relative_to(folder) and path.name.startswith(f"{PREFIX_CHECKPOINT_DIR}-") and written_by(path)
        return str(path) if is_ours else None

    def _promoted(self, trials: list[tuple[int, TrialRecord]]) -> list[int]:
        """Those that go on: the best ones, a `factor`-th of all; by number where they are alike."""
        sign = 1 if self.directions[0] == "minimize" else -1
        alive = [(sign * record.objectives[0], number) for number, record in trials if record.status in (COMPLETE, STOPPED)]
        return sorted(number for _, number in sorted(alive)[: max(1, len(trials) // max(1, self.factor))])


def check_count(backend: str, n_trials: Any) -> None:
    """Refuse a search without a number of trials: it ends after these."""
    if n_trials is None:
        raise ArgumentError(f"n_trials is None; the search {backend!r} expects how many trainings, at least 1")


def known_options(backend: str, options: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Options of a built-in search.

    Raises:
        ArgumentError: one that it does not have, or without meaning.
    """
    for name in options:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ArgumentError(f"the search {backend!r} has no option {name!r}; it has {', '.join(known)}.{hint}")
    seed, timeout = options.get("seed"), options.get("timeout")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise ArgumentError(f"seed is {seed!r:.40}; expected a whole number")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0):
        raise ArgumentError(f"timeout is {timeout!r:.40}; expected seconds, more than 0")
    return options
