"""`ray`: trials of Ray Tune, each of which trains a copy of the trainer in a process of its own."""

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ....core.errors import ArgumentError
from ....core.files import folder_to_fill
from ....core.optional import available, require
from ..as_before import copy_for_worker
from ..backend import HyperParamSearchBackendBase
from ..best_run import BestRun
from ..default_spaces import default_hp_space_ray
from ..given_trial import GivenTrial
from ..report import report
from ..running import EndsSearch, run_trial
from ..trial_record import COMPLETE, FAILED, TrialRecord, best_runs

OBJECTIVE = "objective"
# What ended the whole search, in a file that all workers see.
_ENDED = "ended"
# They stop a trial and begin it again from a checkpoint, which needs one to be handed over with each report.
_PAUSING = (
    "PopulationBasedTraining",
    "PopulationBasedTrainingReplay",
    "PB2",
    "HyperBandScheduler",
    "HyperBandForBOHB",
    "ResourceChangingScheduler",
)


class RayTuneBackend(HyperParamSearchBackendBase):
    """Ray draws the trials, from a dict of its samplers or by a search algorithm, and runs several at once."""

    name: str = "ray"
    package = "ray"
    pip_package = "ray[tune]"
    default_space = staticmethod(default_hp_space_ray)

    @classmethod
    def is_available(cls) -> bool:
        """Whether Ray is installed with Tune, whose tables need pandas and arrow."""
        return available("ray") and available("pyarrow") and available("tensorboardX")

    def run(self, trainer: Any, n_trials: int, direction: str | list[str], **kwargs: Any) -> BestRun | list[BestRun]:
        """Run `n_trials` trials by `ray.tune.run`.

        Args:
            kwargs: of `tune.run`; `resources_per_trial` is by default one core, and a GPU where there is one. `scope`: which
                evaluation of a trial counts: last (the default), all, avg, last-5-avg, last-10-avg.

        Raises:
            ArgumentError: several directions, several processes, or a scheduler that pauses trials.
        """
        directions = trainer._search.directions
        if len(directions) > 1:
            raise ArgumentError("Ray compares one objective, and there are several directions; take optuna or random")
        if trainer.args.world_size > 1:
            raise ArgumentError("Ray starts processes itself; run the script without a launcher, or take optuna or random")
        scheduler = kwargs.get("scheduler")
        if type(scheduler).__name__ in _PAUSING:
            raise ArgumentError(
                f"the scheduler {type(scheduler).__name__} goes on with trials from checkpoints of others, which trials here"
                " do not hand over; take ASHAScheduler or MedianStoppingRule"
            )
        tune: Any = require("ray.tune", "the search with backend='ray'")
        space = self.space_of(trainer, "a dict of ray.tune's samplers, {'learning_rate': tune.loguniform(1e-6, 1e-4)}")
        mode, scope = directions[0][:3], kwargs.pop("scope", "last")
        defaults: dict[str, Any] = {
            "resources_per_trial": {"cpu": 1, "gpu": min(1, trainer.args.n_gpu)},
            "raise_on_failed_trial": False,
            "verbose": 0 if trainer.args.disable_tqdm else 1,
        }
        moved = copy_for_worker(trainer)
        # Where a worker stands is Ray's choice.
        moved.args.output_dir = os.path.abspath(trainer.args.output_dir)
        with TemporaryDirectory(prefix=".trials-", dir=folder_to_fill(moved.args.output_dir)) as shared:
            moved._search = replace(trainer._search, shared=Path(shared))
            trainable = tune.with_parameters(_one, trainer=moved)
            analysis = tune.run(trainable, config=space, num_samples=n_trials, **{**defaults, **kwargs})
            ended = Path(shared) / _ENDED
            if ended.is_file():
                raise EndsSearch(ended.read_text(encoding="utf-8"))
        records = [_record(trial) for trial in analysis.trials]
        report(trainer, records, directions)
        best = analysis.get_best_trial(metric=OBJECTIVE, mode=mode, scope=scope)
        chosen = records if best is None else [each for each in records if each.name == best.trial_id]
        return best_runs(chosen, directions, analysis)


def _one(config: dict[str, Any], trainer: Any) -> None:
    """A trial, in a worker.

    Raises:
        RuntimeError: it failed; Ray notes it.
    """
    tune: Any = require("ray.tune", "the search with backend='ray'")

    def told(value: float, step: int) -> None:
        tune.report({OBJECTIVE: value, "step": step, "arguments": trainer._running.params})

    ended: Path = trainer._search.shared / _ENDED
    if ended.is_file():
        raise RuntimeError("the search has ended")
    try:
        record = run_trial(trainer, GivenTrial(config, str(tune.get_context().get_trial_id()), told))
    except EndsSearch as error:
        ended.parent.mkdir(parents=True, exist_ok=True)
        ended.write_text(str(error), encoding="utf-8")
        raise RuntimeError(str(error)) from error
    if record.status == FAILED:
        raise RuntimeError(record.error)
    tune.report({OBJECTIVE: record.objectives[0], "step": record.steps, "arguments": record.params})


def _record(trial: Any) -> TrialRecord:
    """What Ray knows of a trial."""
    last = trial.last_result or {}
    reached = [float(last[OBJECTIVE])] if OBJECTIVE in last else []
    status = COMPLETE if trial.status == "TERMINATED" and reached else FAILED
    error = None if status == COMPLETE else str(trial.get_error() or trial.status).strip().splitlines()[-1]
    return TrialRecord(
        trial.trial_id,
        last.get("arguments") or dict(trial.config),
        reached,
        status,
        int(last.get("step", 0)),
        seconds=round(float(last.get("time_total_s", 0.0)), 3),
        error=error,
    )
