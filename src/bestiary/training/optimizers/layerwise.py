"""An optimizer of its own for each parameter, so that a gradient is used and forgotten as soon as it is there."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class LayerWiseDummyOptimizer(Optimizer):
    """Stands for the optimizers of `optimizer_dict`, whose groups and states are its own. `step` and `zero_grad` do nothing.

    Args:
        optimizer_dict: parameter -> its optimizer. lr: shown where there is none.
    """

    def __init__(self, optimizer_dict: Mapping[nn.Parameter, Optimizer] | None = None, **kwargs: Any) -> None:
        self.optimizer_dict = optimizer_dict
        super().__init__(list(optimizer_dict or ()) or [torch.zeros(1, 1)], {"lr": kwargs.get("lr", 1e-3)})
        self._share_groups()

    def _share_groups(self) -> None:
        """A schedule that sets the rate of this optimizer's groups sets those of all."""
        if self.optimizer_dict:
            self.param_groups = [group for each in self.optimizer_dict.values() for group in each.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Nothing: gradients are forgotten when they are used."""

    def step(self, closure: Any = None) -> Any:
        """Nothing: weights are updated when their gradients are there."""
        return closure() if closure is not None else None

    def state_dict(self) -> dict[str, Any]:
        """The states of all optimizers, in their order; for a stand-in without any, its own."""
        if not self.optimizer_dict:
            return super().state_dict()
        return {"layers": [each.state_dict() for each in self.optimizer_dict.values()]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put them back.

        Raises:
            ValueError: they are of another number of parameters.
        """
        if not self.optimizer_dict:
            super().load_state_dict(state_dict)
            return
        layers = state_dict["layers"]
        for each, state in zip(self.optimizer_dict.values(), layers, strict=True):
            each.load_state_dict(state)
        self._share_groups()


class LayerWiseDummyScheduler(LRScheduler):
    """A schedule that leaves rates as they are.

    Args:
        optimizer: whose rates it shows; by default a stand-in with the rate `lr`.
    """

    def __init__(self, optimizer: Optimizer | None = None, *, lr: float = 1e-3, **kwargs: Any) -> None:
        self.default_lr = lr
        chosen = LayerWiseDummyOptimizer(kwargs.get("optimizer_dict"), lr=lr) if optimizer is None else optimizer
        super().__init__(chosen, kwargs.get("last_epoch", -1))

    def get_lr(self) -> list[Any]:
        """The rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return list(self.base_lrs)


class LayerWiseOptimizer(LayerWiseDummyOptimizer):
    """The same, and it updates each parameter when its gradient is there, between `attach` and `detach`."""

    def update(self, parameter: nn.Parameter) -> None:
        """Update a parameter by its gradient."""
        assert self.optimizer_dict is not None
        self.optimizer_dict[parameter].step()
        parameter.grad = None
