"""How long a training is: its batches, updates and epochs."""

import math
import sys
from dataclasses import dataclass
from typing import Any

from ..core.errors import ArgumentError
from .choices import SchedulerType
from .loaders import has_length, number_of_rows, rows_of

# Schedules that need not know where they end.
_ENDLESS = (SchedulerType.CONSTANT, SchedulerType.CONSTANT_WITH_WARMUP, SchedulerType.INVERSE_SQRT)
NO_END = sys.maxsize


@dataclass(frozen=True)
class Lengths:
    """How long a training is: batches of an epoch (None where the data has no length), and updates and epochs in all."""

    batches: int | None
    updates: int
    epochs: int

    def updates_of_epoch(self, args: Any) -> int:
        """Updates of an epoch."""
        accumulation: int = args.gradient_accumulation_steps
        return math.ceil((self.batches or NO_END) / accumulation)

    def after(self, updates: int, epochs: int, args: Any) -> "Lengths":
        """How long a training is of which so many updates and epochs had another batch size."""
        if self.batches is None or args.max_steps > 0:
            return self
        later = math.ceil(max(0.0, args.num_train_epochs - epochs) * self.updates_of_epoch(args))
        return Lengths(self.batches, updates + later, self.epochs)


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


class Planning:
    """Methods of `Trainer` that say how long a training is. A subclass may replace any of them."""

    def set_initial_training_values(self: Any, args: Any, dataloader: Any) -> tuple[int, int, int, float, int, int | None, int]:
        """Epochs, updates of an epoch, rows of an epoch and of all, rows of an update, batches of an epoch, updates of all.

        The training goes by the first and the last; batches are None where nothing says how many there are.

        Raises:
            ArgumentError: nothing says when the training ends, or no batch comes.
        """
        lengths, of_update = lengths_of(self, dataloader), self.get_total_train_batch_size(args)
        updates, accumulation = lengths.updates, args.gradient_accumulation_steps
        if lengths.batches is None:
            rows = updates if updates == NO_END else updates * of_update
            batches = None if updates == NO_END else updates * accumulation
            return lengths.epochs, updates, rows, rows, of_update, batches, updates
        rows = self.num_examples(dataloader)
        total = updates * of_update if args.max_steps > 0 else rows * args.num_train_epochs
        per_epoch = math.ceil(lengths.batches / accumulation)
        return lengths.epochs, per_epoch, rows, total, of_update, lengths.batches, updates

    def get_total_train_batch_size(self: Any, args: Any) -> int:
        """Rows of an update, of all processes."""
        sharers = self.get_tp_size() * self.get_cp_size() * self.get_sp_size()
        rows: int = self._train_batch_size * args.gradient_accumulation_steps * (args.world_size // sharers)
        return rows

    def get_tp_size(self) -> int:
        """Processes that share one layer's weights: 1, for each computes whole layers."""
        return 1

    def get_cp_size(self) -> int:
        """Processes that share one row's places by passing keys around: 1, for rows stay whole."""
        return 1

    def get_sp_size(self) -> int:
        """Processes that share one row's places by passing heads around: 1, for rows stay whole."""
        return 1

    def num_examples(self: Any, dataloader: Any) -> int:
        """Rows of a loader's data set.

        Raises:
            ArgumentError: it has no length.
        """
        return number_of_rows(dataloader)

    def num_tokens(self: Any, train_dl: Any, max_steps: int | None = None) -> int:
        """Input tokens of a loader's batches, which are all loaded; times `max_steps`, if given, as older code has it."""
        tokens: int = sum(batch["input_ids"].numel() for batch in train_dl)
        return tokens if max_steps is None else tokens * max_steps
