"""Adafactor (Shazeer and Stern 2018, arXiv 1804.04235): Adam with the second moment of a matrix kept as rows and columns."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from ..core.errors import ArgumentError


class Adafactor(torch.optim.Optimizer):
    """The optimizer.

    Args:
        lr: the rate; None with `relative_step`.
        eps: added to the squared gradient, and the least size of a parameter for `scale_parameter`.
        clip_threshold: an update of a larger root mean square is scaled down to it.
        decay_rate: the second moment's decay at step t is 1 - t ** decay_rate.
        beta1: decay of the first moment; None keeps none. weight_decay: of a parameter, times the rate.
        scale_parameter: multiply the rate by the root mean square of the parameter.
        relative_step: let the rate be min(0.01, 1 / sqrt(t)); with `warmup_init`, min(1e-6 t, 1 / sqrt(t)).

    Raises:
        ArgumentError: `lr` with `relative_step`, or `warmup_init` without it.
    """

    def __init__(
        self,
        params: Any,
        lr: float | None = None,
        eps: tuple[float, float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
        decay_rate: float = -0.8,
        beta1: float | None = None,
        weight_decay: float = 0.0,
        scale_parameter: bool = True,
        relative_step: bool = True,
        warmup_init: bool = False,
    ) -> None:
        if lr is not None and relative_step:
            raise ArgumentError(f"lr is {lr} and relative_step is on, which makes the rate itself; expected one of them")
        if lr is None and not relative_step:
            raise ArgumentError("without relative_step Adafactor needs lr")
        if warmup_init and not relative_step:
            raise ArgumentError("warmup_init is a part of relative_step, which is off")
        defaults = {"lr": lr, "eps": eps, "clip_threshold": clip_threshold, "decay_rate": decay_rate, "beta1": beta1}
        defaults |= {"weight_decay": weight_decay, "scale_parameter": scale_parameter}
        super().__init__(params, defaults | {"relative_step": relative_step, "warmup_init": warmup_init})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients again; what it returns is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        if gradient is None or gradient.is_sparse:
            raise ArgumentError("Adafactor keeps sums over rows and columns, which sparse gradients do not have")
        gradient, weight = gradient.float(), parameter.float()
        if not state:
            self._begin(state, gradient, group)
        state["step"] += 1
        state["RMS"] = _size(weight)
        rate = self._get_lr(group, state)
        decay = 1 - state["step"] ** group["decay_rate"]
        squared = gradient**2 + group["eps"][0]
        if gradient.dim() >= 2:
            rows, columns = state["exp_avg_sq_row"], state["exp_avg_sq_col"]
            rows.mul_(decay).add_(squared.mean(dim=-1), alpha=1 - decay)
            columns.mul_(decay).add_(squared.mean(dim=-2), alpha=1 - decay)
            row_factor = (rows / rows.mean(dim=-1, keepdim=True)).rsqrt().unsqueeze(-1)
            update = row_factor * columns.unsqueeze(-2).rsqrt() * gradient
        else:
            moment = state["exp_avg_sq"].mul_(decay).add_(squared, alpha=1 - decay)
            update = moment.rsqrt() * gradient
        update = update / (_size(update) / group["clip_threshold"]).clamp(min=1) * rate
        if group["beta1"] is not None:
            update = state["exp_avg"].mul_(group["beta1"]).add_(update, alpha=1 - group["beta1"])
        if group["weight_decay"]:
            weight = weight - group["weight_decay"] * rate * weight
        new: Any = weight - update
        # Of weights that several processes share, the part that this one holds.
        parameter.copy_(new.redistribute(placements=cast(Any, parameter).placements) if hasattr(new, "redistribute") else new)

    @staticmethod
    def _begin(state: dict[str, Any], gradient: Tensor, group: dict[str, Any]) -> None:
        state["step"] = 0
        if group["beta1"] is not None:
            state["exp_avg"] = torch.zeros_like(gradient)
        if gradient.dim() >= 2:
            state["exp_avg_sq_row"] = gradient.new_zeros(gradient.shape[:-1])
            state["exp_avg_sq_col"] = gradient.new_zeros(gradient.shape[:-2] + gradient.shape[-1:])
        else:
            state["exp_avg_sq"] = torch.zeros_like(gradient)

    @staticmethod
    def _get_lr(group: dict[str, Any], state: dict[str, Any]) -> Any:
        """The rate of a parameter at its step."""
        rate = group["lr"]
        if group["relative_step"]:
            highest = 1e-6 * state["step"] if group["warmup_init"] else 1e-2
            rate = min(highest, 1 / math.sqrt(state["step"]))
        if group["scale_parameter"]:
            return torch.clamp(state["RMS"], min=group["eps"][1]) * rate
        return rate


def _size(values: Tensor) -> Tensor:
    """The root mean square."""
    size: Tensor = values.norm(2) / values.numel() ** 0.5
    return size


class AdafactorSchedule(LambdaLR):
    """A schedule that reports the rates which an `Adafactor` makes itself.

    Args:
        initial_lr: what it reports before the first step.
    """

    def __init__(self, optimizer: Adafactor, initial_lr: float = 0.0) -> None:
        for group in optimizer.param_groups:
            group["initial_lr"] = initial_lr
        super().__init__(optimizer, lambda step: initial_lr)
        for group in optimizer.param_groups:
            del group["initial_lr"]

    def get_lr(self) -> list[float | Tensor]:
        """The rate of the first parameter of each group that has been updated; before that, `initial_lr`."""
        optimizer: Any = self.optimizer
        first = [(group, group["params"][0]) for group in optimizer.param_groups]
        rates = [optimizer._get_lr(group, optimizer.state[each]) for group, each in first if each.grad is not None]
        return [float(rate) for rate in rates or self.base_lrs]


def get_adafactor_schedule(optimizer: Adafactor, initial_lr: float = 0.0) -> AdafactorSchedule:
    """The schedule that reports the rates which an `Adafactor` makes itself."""
    return AdafactorSchedule(optimizer, initial_lr)
