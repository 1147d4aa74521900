"""GreedyLR (arXiv 2512.14527): the rate rises while a metric gets better and falls while it does not."""

import math
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from ..core.errors import ArgumentError
from ..core.logging import get_logger

logger = get_logger(__name__)


class GreedyLR:
    """A schedule that is told the metric at every step.

    After more than `patience` steps of improvement in a row each rate is divided by `factor`, after as many without it is
    multiplied by it.

    Args:
        mode: "min" where a smaller metric is better, "max" where a larger one is.
        threshold: by how much it has to be better to count, as a number ("abs") or as a part of the best ("rel").
        cooldown, warmup: after a fall, a rise, so many steps are not counted.
        min_lr, max_lr: bounds of the rates, one for all groups of the optimizer or one each.
        eps: a smaller change is not made. verbose: tell each change.
        smooth: judge the mean of the last `window_size` metrics.
        reset_start: after so many falls with every rate at its bound, all begins again.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.95,
        patience: int = 10,
        threshold: float = 1e-6,
        threshold_mode: str = "abs",
        cooldown: int = 0,
        warmup: int = 0,
        min_lr: float | Sequence[float] = 1e-3,
        max_lr: float | Sequence[float] = 1.0,
        eps: float = 1e-8,
        verbose: bool = False,
        smooth: bool = False,
        window_size: int = 50,
        reset_start: int = 500,
    ) -> None:
        if factor >= 1:
            raise ArgumentError(f"factor is {factor}; rates are multiplied by it to fall: expected less than 1")
        for name, word, words in (("mode", mode, ("min", "max")), ("threshold_mode", threshold_mode, ("rel", "abs"))):
            if word not in words:
                raise ArgumentError(f"{name} is {word!r:.80}; expected one of {', '.join(words)}")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.eps, self.verbose = factor, patience, eps, verbose
        self.cooldown, self.warmup, self.reset_start_original = cooldown, warmup, reset_start
        self.smooth, self.window_size = smooth, window_size
        self.min_lrs, self.max_lrs = self._each("min_lr", min_lr), self._each("max_lr", max_lr)
        self._init_lrs = self._rates()
        self.last_epoch = 0
        self._begin()

    def _begin(self) -> None:
        """As nothing had been measured yet."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.num_good_epochs = self.num_bad_epochs = 0
        self.cooldown_counter = self.warmup_counter = 0
        self.reset_start = self.reset_start_original
        self._last_metrics: list[float] = []
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _each(self, name: str, bound: float | Sequence[float]) -> list[float]:
        groups = len(self.optimizer.param_groups)
        bounds = [*bound] if isinstance(bound, Sequence) else [bound] * groups
        if len(bounds) != groups:
            raise ArgumentError(f"{name} has {len(bounds)} numbers; the optimizer has {groups} groups")
        return bounds

    def step(self, metrics: float, epoch: int | None = None) -> None:
        """Count one step with this metric, and change the rates if it is time.

        Args:
            epoch: the number of the step, where it is not the next.
        """
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        current = float(metrics)
        if self.smooth:
            self._last_metrics = [*self._last_metrics, current][-self.window_size :]
            current = sum(self._last_metrics) / len(self._last_metrics)
        if self.cooldown_counter or self.warmup_counter:
            waiting = "cooldown_counter" if self.cooldown_counter else "warmup_counter"
            self.__dict__[waiting] -= 1
            self.num_good_epochs = self.num_bad_epochs = 0
        elif self.is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
            self.num_good_epochs += 1
        else:
            self.num_good_epochs = 0
            self.num_bad_epochs += 1
        if self.num_good_epochs > self.patience:
            self._change(1 / self.factor)
            self.warmup_counter, self.num_good_epochs = self.warmup, 0
            self.reset_start = self.reset_start_original
        elif self.num_bad_epochs > self.patience:
            self._change(self.factor)
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self._count_falls_at_the_bound()
        self._last_lr = self._rates()

    def is_better(self, current: float, best: float) -> bool:
        """Whether a metric counts as an improvement of the best one."""
        sign = -1 if self.mode == "min" else 1
        bound = best * (1 + sign * self.threshold) if self.threshold_mode == "rel" else best + sign * self.threshold
        return current < bound if self.mode == "min" else current > bound

    def _change(self, factor: float) -> None:
        """Multiply each rate, within its bounds."""
        for number, group in enumerate(self.optimizer.param_groups):
            bounded = max if factor < 1 else min
            rate = bounded(group["lr"] * factor, (self.min_lrs if factor < 1 else self.max_lrs)[number])
            if (rate < group["lr"]) == (factor < 1) and abs(rate - group["lr"]) > self.eps:
                group["lr"] = rate
                if self.verbose:
                    logger.warning("step %d: the learning rate of group %d is now %.4e", self.last_epoch, number, rate)

    def _count_falls_at_the_bound(self) -> None:
        if any(rate > least for rate, least in zip(self._rates(), self.min_lrs, strict=True)):
            return
        self.reset_start -= 1
        if self.reset_start <= 0:
            for group, rate in zip(self.optimizer.param_groups, self._init_lrs, strict=True):
                group["lr"] = rate
            self._begin()

    def get_last_lr(self) -> list[float]:
        """The rates after the last step, one for each group."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer, to be saved."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a `state_dict`; the optimizer gets its rates."""
        self.__dict__.update(state_dict)
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
