"""`wandb`: sweeps of Weights & Biases, whose server draws the trials."""

from typing import Any

from ....core.errors import ArgumentError
from ....core.optional import require
from ..backend import HyperParamSearchBackendBase
from ..best_run import BestRun
from ..default_spaces import default_hp_space_wandb
from ..engine import known_options
from ..given_trial import GivenTrial
from ..report import report
from ..running import Run, in_all_processes
from ..trial_record import TrialRecord, best_runs

_FORM = 'a sweep, {"method": ..., "parameters": {name: {"min": ..., "max": ...} or {"values": [...]}}}'
_OPTIONS = ("sweep_id", "project", "entity", "name", "metric")


class WandbBackend(HyperParamSearchBackendBase):
    """Each trial is a run of a sweep; its objective is logged under the name of the sweep's metric."""

    name: str = "wandb"
    package = "wandb"
    default_space = staticmethod(default_hp_space_wandb)

    def run(self, trainer: Any, n_trials: int, direction: str | list[str], **kwargs: Any) -> BestRun | list[BestRun]:
        """Make a sweep, or join one, and train `n_trials` of its runs.

        Args:
            kwargs: `sweep_id` of one that is there, `project`, `entity`, `name` of the sweep, `metric`: its metric's name.

        Raises:
            ArgumentError: several directions, or a space that describes no sweep.
        """
        options = known_options(self.name, kwargs, _OPTIONS)
        directions = trainer._search.directions
        if len(directions) > 1:
            raise ArgumentError("a sweep has one metric, and there are several directions; take optuna or random")
        best: BestRun | list[BestRun] = in_all_processes(
            trainer, lambda run: _swept(trainer, run, n_trials, directions, options)
        )
        return best


def _swept(trainer: Any, run: Run, n_trials: int, directions: list[str], options: dict[str, Any]) -> BestRun | list[BestRun]:
    wandb: Any = require("wandb", "the search with backend='wandb'")
    sweep = _sweep(WandbBackend.space_of(trainer, _FORM), directions[0], options)
    metric: str = sweep["metric"]["name"]
    place = {name: options.get(name) for name in ("project", "entity")}
    identifier = options.get("sweep_id") or wandb.sweep(sweep, **place)
    records: list[TrialRecord] = []

    def one() -> None:
        began = wandb.run or wandb.init()
        trial = GivenTrial(_values(began.config), began.id, lambda value, step: began.log({metric: value, "step": step}))
        record = run(trial)
        records.append(record)
        if record.objectives:
            began.log({metric: record.objectives[0]})
        began.finish(exit_code=0 if record.error is None else 1)

    wandb.agent(identifier, function=one, count=n_trials, **place)
    report(trainer, records, directions)
    return best_runs(records, directions)


def _sweep(space: dict[str, Any], direction: str, options: dict[str, Any]) -> dict[str, Any]:
    """The description of a sweep, its metric the objective in the search's direction.

    Raises:
        ArgumentError: `space` describes none.
    """
    if not isinstance(space.get("parameters"), dict):
        raise ArgumentError(f"hp_space gave {space!r:.80}; expected {_FORM}")
    metric = dict(space.get("metric") or {})
    metric |= {"goal": direction, "name": options.get("metric") or metric.get("name") or "objective"}
    named = {"name": options["name"]} if options.get("name") else {}
    return {"method": "random", **space, "metric": metric, **named}


def _values(config: Any) -> dict[str, Any]:
    values = config.as_dict() if hasattr(config, "as_dict") else dict(config)
    return {name: value for name, value in values.items() if not name.startswith("_")}
