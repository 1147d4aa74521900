"""Updates that are made while gradients are computed: of an optimizer for each parameter, and of LOMO."""

import math
from contextlib import suppress
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError
from ...core.logging import warn_once
from .layerwise import LayerWiseOptimizer


class WithinBackward:
    """Drives an optimizer that updates weights in the backward pass, and measures gradients as they come.

    A gradient that is not finite updates nothing. Gradients are not there all at once, so they cannot be shortened to
    `max_grad_norm`.

    Attributes:
        norm: of the gradient of the last backward; before that 0.
    """

    def __init__(self, optimizer: Any, model: nn.Module) -> None:
        self.optimizer = optimizer
        self.parameters = [each for each in model.parameters() if each.requires_grad]
        self._squares: list[Tensor] = []
        self._handles: list[Any] = []
        self.norm = 0.0

    @classmethod
    def of(cls, optimizer: Any, model: nn.Module, args: Any) -> Self | None:
        """The driver of an optimizer that needs one, else None.

        Raises:
            ArgumentError: several processes, whose gradients would have to be summed before they are used.
        """
        if not (isinstance(optimizer, LayerWiseOptimizer) or hasattr(optimizer, "fused_backward")):
            return None
        if args.world_size > 1:
            raise ArgumentError(
                f"the optimizer {args.optim!s} uses each gradient as soon as it is there, so gradients of {args.world_size}"
                " processes cannot be summed; train in one, or take another optimizer"
            )
        if args.max_grad_norm:
            warn_once(
                "no-clipping",
                f"{args.optim!s} uses each gradient as soon as it is there: none is shortened to max_grad_norm"
                f" ({args.max_grad_norm})",
            )
        return cls(optimizer, model)

    def attach(self) -> None:
        """Have gradients measured and used as they come."""
        self.detach()
        hook_of_optimizer = getattr(self.optimizer, "grad_func", None)
        for each in self.parameters:
            self._handles.append(each.register_post_accumulate_grad_hook(self._come))
            if hook_of_optimizer is not None:
                self._handles.append(each.register_hook(hook_of_optimizer))

    def detach(self) -> None:
        """Leave gradients alone: a later training may have another optimizer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        hook_of_optimizer = getattr(self.optimizer, "grad_func", None)
        for each in self.parameters if hook_of_optimizer is not None else ():  # LOMO's constructor keeps no handle of its hooks
            hooks = each._backward_hooks or {}
            for key in [key for key, hook in hooks.items() if hook is hook_of_optimizer]:
                del hooks[key]

    def backward(self, loss: Tensor, rate: float) -> None:
        """Compute the gradients of `loss` and update the weights with the learning rate `rate`; sets `norm`."""
        self._squares.clear()
        self.norm = math.nan
        if not bool(torch.isfinite(loss)):
            return
        if isinstance(self.optimizer, LayerWiseOptimizer):
            loss.backward()
        else:
            if self.optimizer.clip_grad_norm:  # of optim_args: its own way, by a backward pass more
                self.optimizer.grad_norm(loss)
                self._squares.clear()
            self.optimizer.fused_backward(loss, rate)
        self.norm = float(torch.stack(self._squares).sum().sqrt()) if self._squares else 0.0

    def step(self) -> None:
        """What is left to do after the backward pass: nothing, and a schedule that counts steps is told of one."""
        with suppress(NotImplementedError):
            self.optimizer.step()

    def _come(self, parameter: Any) -> None:
        square = parameter.grad.detach().float().square().sum()
        self._squares.append(square)
        if not bool(torch.isfinite(square)):
            parameter.grad = None
        elif isinstance(self.optimizer, LayerWiseOptimizer):
            self.optimizer.update(parameter)
