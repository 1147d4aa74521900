"""What the training of a recipe takes, told by the planner from a step of it that is followed without contents."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..planner.training_need import TrainingNeed, training_need
from ..training.optimization import Optimization


def memory_need(
    shapes: Callable[[], Any], step: Callable[[Any, Any], Any], batch: Mapping[str, Any] | None, args: Any
) -> TrainingNeed:
    """The need of a training with `args` whose largest batch is `batch`; without one, all but activations.

    Args:
        shapes: makes the model on the device "meta". step: of the model and a batch, returns what holds the loss.
    """

    def made() -> Any:
        model = shapes().train()
        if args.gradient_checkpointing:
            model.gradient_checkpointing_enable(args.gradient_checkpointing_kwargs)
        return model

    def fail(*_: Any) -> Any:
        raise ValueError("there is no batch")

    return training_need(
        made,
        fail if batch is None else step,
        batch or {},
        lambda model: optimizer_of(model, args),
        optimizer_name=args.to_dict()["optim"],
        device=args.device,
        autocast=torch.float16 if args.fp16 else torch.bfloat16 if args.bf16 else None,
        accumulated=args.gradient_accumulation_steps,
        clips=bool(args.max_grad_norm),
    )


class _Made(Optimization):
    """What makes an optimizer of a trainer, without the trainer."""

    optimizer = optimizer_cls_and_kwargs = None

    def __init__(self, model: Any, args: Any) -> None:
        self.model, self.args = model, args


def optimizer_of(model: Any, args: Any) -> Any:
    """The optimizer that `Trainer` makes for these arguments."""
    return _Made(model, args).create_optimizer()
