"""`halving`: many trials begin, the best go on (successive halving). It needs no package.

Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, 2016.
"""

from typing import Any

from ....core.errors import ArgumentError
from ..best_run import BestRun
from ..engine import Engine, check_count, known_options
from .random import OPTIONS, RandomBackend


class HalvingBackend(RandomBackend):
    """Trains all trials for a small part of their steps, then a `factor`-th of them, the best, `factor` times as long, and on.

    A trial that goes on does so from its checkpoint, under the schedule of the whole training: whoever comes to the end is what
    a training without a pause is, bit for bit.
    """

    name: str = "halving"

    def run(self, trainer: Any, n_trials: int, direction: str | list[str], **kwargs: Any) -> BestRun | list[BestRun]:
        """Train in rungs.

        Args:
            kwargs: `factor` (3), `seed`, `timeout` in seconds, `resume`.

        Raises:
            ArgumentError: several directions, by which trials are in no order.
        """
        options = known_options(self.name, kwargs, (*OPTIONS, "factor"))
        factor = options.pop("factor", 3)
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 2:
            raise ArgumentError(f"factor is {factor!r:.40}; expected a whole number from 2 on")
        if not isinstance(direction, str) and len(direction) > 1:
            raise ArgumentError("halving goes on with the best trials, and there are several directions; take random or optuna")
        check_count(self.name, n_trials)
        rungs = 1
        while factor**rungs <= n_trials:
            rungs += 1
        parts = [float(factor) ** (each + 1 - rungs) for each in range(rungs)]
        return Engine(trainer, self.name, n_trials, parts, factor, **options).search()
