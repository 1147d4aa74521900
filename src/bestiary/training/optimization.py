"""The optimizer and the schedule of `Trainer`."""

from typing import Any

import torch
from torch import nn

from ..core.errors import ArgumentError
from .arguments import TrainingArguments
from .greedy import GreedyLR
from .optimizers.averaging import to_average, to_train
from .optimizers.chosen import chosen_optimizer, decayed_parameter_names, parameter_groups
from .optimizers.embeddings import keep_embeddings_in_32_bits
from .optimizers.within_backward import WithinBackward
from .schedules import get_scheduler
from .sharding.scalars import shorten_gradients

# Schedules that are told the metric of each evaluation, instead of counting updates.
METRIC_SCHEDULES = (torch.optim.lr_scheduler.ReduceLROnPlateau, GreedyLR)

# Arguments by which a subclass, or `optimizer_cls_and_kwargs`, says itself what an optimizer is of.
_PARAMETERS = ("params", "model", "optimizer_dict")


class Optimization:
    """Methods of `Trainer` that make the optimizer and the schedule. A subclass may replace any of them."""

    within_backward: WithinBackward | None = None
    _updates: int | None = None
    parameters_to_update: list[nn.Parameter] | None = None  # of the training that runs

    def create_optimizer_and_scheduler(self: Any, num_training_steps: int) -> None:
        """Make both, unless they were given."""
        self._updates = num_training_steps
        self.create_optimizer()
        self.create_scheduler(num_training_steps, self.optimizer)

    def create_optimizer(self: Any, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the optimizer, unless one was given: biases and normalizations are not decayed.

        Raises:
            ArgumentError: nothing is to be trained.
        """
        model = self.model if model is None else model
        if self.optimizer is None:
            make, options = self.optimizer_cls_and_kwargs or self.get_optimizer_cls_and_kwargs(self.args, model)
            chosen = [name for name in _PARAMETERS if name in options]
            if chosen:
                groups = options[chosen[-1]]
            else:
                groups = parameter_groups(model, self.args.weight_decay, self.get_decay_parameter_names(model))
            options = {name: value for name, value in options.items() if name not in chosen}
            if options.get("warmup_steps") and self._updates:  # a part of all updates is known by now
                options["warmup_steps"] = self.args.get_warmup_steps(self._updates)
            self.optimizer = make(groups, **options)
            if options.get("optim_bits") == 8:
                keep_embeddings_in_32_bits(model)
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    def create_scheduler(self: Any, num_training_steps: int, optimizer: Any = None) -> Any:
        """Make the schedule, unless one was given; the optimizer is there by then."""
        if self.lr_scheduler is None:
            self.lr_scheduler = get_scheduler(
                self.args.lr_scheduler_type,
                self.optimizer if optimizer is None else optimizer,
                num_warmup_steps=self.args.get_warmup_steps(num_training_steps),
                num_training_steps=num_training_steps,
                scheduler_specific_kwargs=self.args.lr_scheduler_kwargs,
            )
        return self.lr_scheduler

    @staticmethod
    def get_optimizer_cls_and_kwargs(args: TrainingArguments, model: nn.Module | None = None) -> tuple[Any, Any]:
        """The optimizer's class that `args.optim` names, and its arguments.

        Raises:
            MissingDependency: its package is not installed. ArgumentError: arguments that it does not take.
        """
        return chosen_optimizer(args, model)

    def begin_updates(self: Any) -> None:
        """Have an optimizer work that updates weights within the backward pass."""
        self.within_backward = WithinBackward.of(self.optimizer, self.model, self.args)
        if self.within_backward is not None:
            self.within_backward.attach()

    def end_updates(self: Any) -> None:
        """The reverse, and the model's weights are those that the optimizer gives."""
        if self.within_backward is not None:
            self.within_backward.detach()
        self.parameters_to_update = None
        to_average(self.optimizer)

    def backward(self: Any, loss: torch.Tensor) -> None:
        """Compute gradients, scaled where they are in 16 bits."""
        if self.within_backward is not None:
            self.within_backward.backward(loss, self._get_learning_rate())
        else:
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def _clip_grad_norm(self: Any, model: nn.Module) -> torch.Tensor | float:
        """Shorten the gradient to `args.max_grad_norm`, unless that is 0; returns its norm before that."""
        if self.within_backward is not None:
            return float(self.within_backward.norm)
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        parameters = model.parameters() if self.parameters_to_update is None else self.parameters_to_update
        return shorten_gradients([each for each in parameters if each.grad is not None], self.args.max_grad_norm)

    def _get_grad_norm(self: Any, model: nn.Module, grad_norm: torch.Tensor | float | None = None) -> float:
        """The gradient's norm as it is logged: `grad_norm`, or that of the gradient there is."""
        if grad_norm is None:
            grad_norm = shorten_gradients([each for each in model.parameters() if each.grad is not None], 0.0)
        return float(grad_norm)

    def to_train(self: Any, model: nn.Module) -> None:
        """Put the model and the optimizer into the state in which they are trained."""
        if not model.training:
            model.train()
        to_train(self.optimizer)

    def get_decay_parameter_names(self: Any, model: nn.Module) -> list[str]:
        """The parameters that weight decay makes smaller."""
        return decayed_parameter_names(model)

    def get_num_trainable_parameters(self: Any) -> int:
        """Numbers that are trained."""
        return sum(each.numel() for each in self.model.parameters() if each.requires_grad)

    def get_learning_rates(self: Any) -> list[float]:
        """The rate of each group of parameters.

        Raises:
            ArgumentError: there is no optimizer yet.
        """
        return [group["lr"] for group in self._made_optimizer().param_groups]

    def get_optimizer_group(self: Any, param: Any = None) -> Any:
        """The groups of parameters, or the one that `param` is in."""
        groups = self._made_optimizer().param_groups
        if param is None:
            return [group["params"] for group in groups]
        return next((group for group in groups if any(each is param for each in group["params"])), None)

    def _made_optimizer(self: Any) -> Any:
        if self.optimizer is None:
            raise ArgumentError("the optimizer is made when training begins; call train or create_optimizer first")
        return self.optimizer

    def _get_learning_rate(self: Any) -> float:
        """The rate of the first group."""
        if isinstance(self.lr_scheduler, METRIC_SCHEDULES):
            rate = self._made_optimizer().param_groups[0]["lr"]
        else:
            rate = self.lr_scheduler.get_last_lr()[0]
        return float(rate)
