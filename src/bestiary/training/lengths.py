"""How long a training is: its batches, updates and epochs."""

import math
import sys
from dataclasses import dataclass
from typing import Any

from ..core.errors import ArgumentError
from .choices import SchedulerType
from .loaders import has_length, rows_of

# Schedules that need not know where they end.
_ENDLESS = (SchedulerType.CONSTANT, SchedulerType.CONSTANT_WITH_WARMUP, SchedulerType.INVERSE_SQRT)
NO_END = sys.maxsize


@dataclass(frozen=True)
class Lengths:
    """How long a training is: batches of an epoch (None where the data has no length), and updates and epochs in all."""

    batches: int | None
    updates: int
    epochs: int


def lengths_of(trainer: Any, loader: Any) -> Lengths:
    """How long a training with this loader is.

    Raises:
        ArgumentError: nothing says when it ends, or no batch comes.
    """
    args = trainer.args
    if not has_length(loader):
        if args.max_steps > 0:
            return Lengths(None, args.max_steps, NO_END)
        if args.lr_scheduler_type not in _ENDLESS or args.warmup_steps % 1:
            raise ArgumentError(
                "the training data has no length, and the schedule"
                f" {args.lr_scheduler_type.value!r} needs to know its end; say max_steps, or take the schedule 'constant'"
            )
        return Lengths(None, NO_END, math.ceil(args.num_train_epochs))
    batches = len(loader)
    if not batches:
        raise ArgumentError(
            f"the training data yields no batch: {len(rows_of(loader))} rows, batches of {args.train_batch_size} on"
            f" {args.world_size} processes, dataloader_drop_last={args.dataloader_drop_last}"
        )
    per_epoch = math.ceil(batches / args.gradient_accumulation_steps)
    if args.max_steps > 0:
        return Lengths(batches, args.max_steps, math.ceil(args.max_steps / per_epoch))
    return Lengths(batches, math.ceil(args.num_train_epochs * per_epoch), math.ceil(args.num_train_epochs))
