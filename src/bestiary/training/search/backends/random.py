"""`random`: every trial is drawn by itself. It needs no package."""

from typing import Any

from ..backend import HyperParamSearchBackendBase
from ..best_run import BestRun
from ..default_spaces import default_hp_space_optuna
from ..engine import Engine, known_options

OPTIONS = ("seed", "timeout", "resume")


class RandomBackend(HyperParamSearchBackendBase):
    """Draws each value anew for each trial, by the seed, the trial's number and the value's name."""

    name: str = "random"
    default_space = staticmethod(default_hp_space_optuna)

    def run(self, trainer: Any, n_trials: int, direction: str | list[str], **kwargs: Any) -> BestRun | list[BestRun]:
        """Train all trials whole.

        Args:
            kwargs: `seed`, `timeout` in seconds, `resume`.
        """
        return Engine(trainer, self.name, n_trials, **known_options(self.name, kwargs, OPTIONS)).search()
