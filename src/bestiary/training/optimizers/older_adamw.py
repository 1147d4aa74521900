"""`AdamW` of older releases, whose steps differ from torch's in where `eps` stands and when weights decay."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from ...core.errors import ArgumentError


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); `optim="adamw_torch"` is torch's own.

    `eps` is added to the root of the mean square before that is corrected, and weights decay after the step.

    Args:
        lr, betas, eps, weight_decay: as of torch's. correct_bias: correct both means for their beginning at 0.
        no_deprecation_warning: of older scripts; nothing is warned of.

    Raises:
        ArgumentError: a number without meaning.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        correct_bias: bool = True,
        no_deprecation_warning: bool = False,
    ) -> None:
        if lr < 0 or eps < 0 or not all(0 <= each < 1 for each in betas):
            raise ArgumentError(
                f"lr is {lr}, eps {eps}, betas {betas}; expected lr and eps of at least 0, betas from 0 to below 1"
            )
        numbers = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "correct_bias": correct_bias}
        super().__init__(params, numbers)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step; returns what `closure` does, which computes the loss anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Any, group: dict[str, Any]) -> None:
        state, (slow, slower) = self.state[parameter], group["betas"]
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(parameter), exp_avg_sq=torch.zeros_like(parameter))
        state["step"] += 1
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(parameter.grad, 1 - slow)
        square.mul_(slower).addcmul_(parameter.grad, parameter.grad, value=1 - slower)
        rate = group["lr"]
        if group["correct_bias"]:
            rate *= (1 - slower ** state["step"]) ** 0.5 / (1 - slow ** state["step"])
        parameter.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-rate)
        if group["weight_decay"]:
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
