"""The loop of a training: its epochs and updates, what is done after each, and how it goes on where another ended."""

import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ..core.errors import ArgumentError, NumericsError
from ..core.files import folder_to_fill
from ..core.logging import get_logger, warn_once
from .arguments import TrainingArguments
from .callbacks.base import TrainerState
from .checkpoints import TRAINER_STATE_NAME
from .choices import SaveStrategy, SchedulerType
from .columns import check_inputs
from .data import is_out_of_memory, parts_of
from .evaluation import TrainOutput
from .interruption import Interrupted
from .loaders import has_length, number_of_rows, position, rows_of
from .losses import count_of_items, rows_in, shifts_labels
from .optimization import METRIC_SCHEDULES
from .progress import Progress
from .randomness import random_state, set_random_state
from .run_metrics import speed_metrics
from .samplers.sharded import set_epoch
from .samplers.streamed import Filler

logger = get_logger(__name__)

# Schedules that need not know where they end.
_ENDLESS = (SchedulerType.CONSTANT, SchedulerType.CONSTANT_WITH_WARMUP, SchedulerType.INVERSE_SQRT)
_NO_END = sys.maxsize


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
            return Lengths(None, args.max_steps, _NO_END)
        if args.lr_scheduler_type not in _ENDLESS or args.warmup_steps % 1:
            raise ArgumentError(
                "the training data has no length, and the schedule"
                f" {args.lr_scheduler_type!s} needs to know its end; say max_steps, or take the schedule 'constant'"
            )
        return Lengths(None, _NO_END, math.ceil(args.num_train_epochs))
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


class TrainingLoop:
    """One run of `Trainer.train`."""

    def __init__(self, trainer: Any, checkpoint: str | None, ignore_keys: list[str] | None) -> None:
        self.trainer, self.checkpoint, self.ignore_keys = trainer, checkpoint, ignore_keys
        self.loader = trainer.get_train_dataloader()
        self.lengths = lengths_of(trainer, self.loader)
        self.progress: Progress = trainer.progress
        self.args: TrainingArguments = trainer.args
        self.rows_of_batch = self.args.train_batch_size * self.args.world_size
        self.rows_of_update: int = self.rows_of_batch * self.args.gradient_accumulation_steps
        stored = None if checkpoint is None else Progress.load(Path(checkpoint))
        if stored is not None and stored.rows_of_update != self.rows_of_update:
            self.lengths = self._lengths_from(stored, Path(checkpoint or ""))
        self.learning_rate = 0.0
        self.grad_norm: float | None = None
        # Losses of updates since the last log, on the device, so that no update waits for it.
        self.losses: Tensor | None = None
        self.last_logged = 0
        self.first_update_done = False

    def run(self) -> TrainOutput:
        """Train, and return what came of it."""
        trainer = self.trainer
        start = time.time()
        with trainer.listener:
            try:
                self._begin()
                self._epochs()
            except Interrupted:
                raise SystemExit(128 + signal.SIGTERM) from None
            return self._end(start)

    # Before and after.

    def _lengths_from(self, stored: Progress, checkpoint: Path) -> Lengths:
        """How long a training is that goes on with another batch size: every row that was left is seen once."""
        lengths, args = self.lengths, self.args
        if lengths.batches is None or args.max_steps > 0:
            return lengths
        rows = max(0, len(rows_of(self.loader)) - stored.rows)
        in_epoch = math.ceil(math.ceil(rows / self.rows_of_batch) / args.gradient_accumulation_steps)
        per_epoch = math.ceil(lengths.batches / args.gradient_accumulation_steps)
        later = math.ceil(max(0.0, args.num_train_epochs - stored.epoch - 1) * per_epoch)
        done = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME)).global_step
        return Lengths(lengths.batches, done + in_epoch + later, lengths.epochs)

    def _begin(self) -> None:
        trainer, args = self.trainer, self.args
        self.model = trainer._wrap_model(trainer.model)
        trainer.model_wrapped = self.model
        self.model.train()
        self.parameters = list(self.model.parameters())
        updates = self.lengths.updates
        trainer.create_optimizer_and_scheduler(updates if updates != _NO_END else 0)
        own = {id(each) for each in trainer.model.parameters()}
        groups = getattr(trainer.optimizer, "param_groups", ())
        if groups and not any(id(each) in own for group in groups for each in group["params"]):
            warn_once("foreign-optimizer", "the optimizer holds no parameter of the model, so the model stays as it is")
        if args.save_strategy != SaveStrategy.NO and args.should_save:
            folder_to_fill(args.output_dir)
        self.random_numbers: dict[str, Any] | None = None
        if self.checkpoint is None:
            trainer.state = TrainerState(stateful_callbacks=trainer.stateful_callbacks())
        else:
            self._restore(Path(self.checkpoint))
        state, handler = trainer.state, trainer.callback_handler
        self.progress.rows_of_update = self.rows_of_update
        state.max_steps, state.num_train_epochs = updates, min(self.lengths.epochs, _NO_END)
        state.train_batch_size = args.train_batch_size
        state.is_local_process_zero, state.is_world_process_zero = (
            trainer.is_local_process_zero(),
            trainer.is_world_process_zero(),
        )
        state.compute_steps(args, updates)
        handler.model, handler.optimizer, handler.lr_scheduler = trainer.model, trainer.optimizer, trainer.lr_scheduler
        handler.train_dataloader = self.loader
        self.last_logged = state.global_step - self.progress.loss_updates
        trainer.control = handler.on_train_begin(args, state, trainer.control)
        if args.eval_on_start and self.checkpoint is None:
            trainer._evaluate(self.ignore_keys, steps_schedule=False)

    def _restore(self, checkpoint: Path) -> None:
        """Take everything but the weights, which are there already, from a checkpoint."""
        trainer, args = self.trainer, self.args
        trainer.load_training_state(checkpoint)
        self.random_numbers = trainer.random_numbers_in(checkpoint)
        stored = Progress.load(checkpoint)
        if stored is None:  # of the published trainer
            batches = self.lengths.batches or _NO_END
            per_epoch = math.ceil(batches / args.gradient_accumulation_steps)
            epoch, updates = divmod(trainer.state.global_step, per_epoch)
            used = updates * args.gradient_accumulation_steps
            stored = Progress(epoch=epoch, batches=used, rows=used * self.rows_of_batch, rows_of_update=self.rows_of_update)
        for name, value in vars(stored).items():
            setattr(self.progress, name, value)
        if self.progress.rows_of_update != self.rows_of_update:
            self.progress.batches = math.ceil(self.progress.rows / self.rows_of_batch)
        if args.ignore_data_skip:
            self.progress.rows = self.progress.batches = 0
        sums = self.progress.loss_sums
        mine = sums[args.process_index] if args.process_index < len(sums) else 0.0
        self.losses = torch.tensor(mine, dtype=torch.float32, device=args.device) if self.progress.loss_updates else None

    def _end(self, start: float) -> TrainOutput:
        trainer, args, state = self.trainer, self.args, self.trainer.state
        if args.load_best_model_at_end and state.best_model_checkpoint is not None:
            trainer._load_best_model()
        self._collect_losses()
        steps = max(1, state.global_step - trainer.first_step)
        train_loss = self.progress.total_loss / max(1, state.global_step)
        rows = self._rows_trained()
        metrics: dict[str, Any] = speed_metrics("train", start, rows, steps if state.global_step else None)
        trainer.store_flos()
        metrics |= {"total_flos": state.total_flos, "train_loss": train_loss}
        trainer.is_in_train = False
        trainer.log(metrics)
        trainer.control = trainer.callback_handler.on_train_end(args, state, trainer.control)
        return TrainOutput(state.global_step, train_loss, metrics | {"epoch": state.epoch})

    def _rows_trained(self) -> int:
        if self.args.max_steps > 0 or self.lengths.batches is None:
            updates: int = self.trainer.state.global_step
            return updates * self.rows_of_update
        return round(number_of_rows(self.loader) * float(self.args.num_train_epochs))

    # The loop.

    def _epochs(self) -> None:
        trainer = self.trainer
        while self.progress.epoch < self.lengths.epochs and not trainer.control.should_training_stop:
            trainer.control = trainer.callback_handler.on_epoch_begin(self.args, trainer.state, trainer.control)
            updates = self._epoch()
            if not updates and self.lengths.batches is None:
                warn_once("data-ended", "the training data yields no more rows; training ends before max_steps")
                trainer.control.should_training_stop = True
            trainer.control = trainer.callback_handler.on_epoch_end(self.args, trainer.state, trainer.control)
            self.progress.epoch, self.progress.rows, self.progress.batches = self.progress.epoch + 1, 0, 0
            self._after_update()

    def _epoch(self) -> bool:
        """Go over the rest of the data; returns whether an update was made or none was left to make."""
        trainer, progress, accumulation = self.trainer, self.progress, self.args.gradient_accumulation_steps
        batches = self._batches()
        updated = progress.batches > 0
        while not (trainer.control.should_epoch_stop or trainer.control.should_training_stop):
            group = list(islice(batches, accumulation))
            if not group:
                break
            updated = True
            progress.batches += len(group)
            progress.rows += len(group) * self.rows_of_batch
            if progress.batches == self.lengths.batches and getattr(position(self.loader), "fillers", False):
                group[-1] = Filler(group[-1])
            self._update(group)
        return updated

    def _batches(self) -> Iterator[Any]:
        """The batches of an epoch from where the training is; then random numbers are as they were there."""
        progress = self.progress
        set_epoch(self.loader, progress.epoch)
        begins_within = progress.batches > 0
        if not begins_within:
            self._restore_random_numbers()
        place = position(self.loader)
        if begins_within and place is not None:
            place.skip(progress.rows)
        batches: Iterator[Any] = iter(self.loader)
        if begins_within and place is None:
            next(islice(batches, progress.batches - 1, None), None)
        if begins_within:
            self._restore_random_numbers()
        return batches

    def _restore_random_numbers(self) -> None:
        """Those of the checkpoint; then do what was left undone there."""
        numbers, self.random_numbers = self.random_numbers, None
        if numbers is None:
            return
        set_random_state(numbers)
        pending, self.progress.pending = self.progress.pending, []
        if pending:
            control = self.trainer.control
            control.should_evaluate, control.should_save = "evaluate" in pending, "save" in pending
            self._after_update()

    def _update(self, group: list[Any]) -> None:
        """One update of the weights from some batches."""
        trainer, args, state = self.trainer, self.args, self.trainer.state
        trainer.current_gradient_accumulation_steps = len(group)
        # A loss of a subclass may make the model's inputs of the batch itself.
        if not self.first_update_done and not isinstance(group[0], Filler) and not trainer.has_own_loss:
            check_inputs(trainer.model, group[0])
        loss = self._gradients(group)
        handler = trainer.callback_handler
        norm = self._shortened_norm()
        trainer.control = handler.on_pre_optimizer_step(args, state, trainer.control)
        self.learning_rate = trainer._get_learning_rate()
        if math.isfinite(norm):
            self.progress.nonfinite = 0
            self._step()
        else:
            self._leave_out(loss, norm)
        trainer.control = handler.on_optimizer_step(args, state, trainer.control)
        if not self.first_update_done:
            self._say_what_is_not_trained()
        self._forget_gradients()
        self.grad_norm = norm
        self._add_loss(loss, math.isfinite(norm))
        state.global_step += 1
        state.epoch = self._epoch_now()
        if args.torch_empty_cache_steps and state.global_step % args.torch_empty_cache_steps == 0 and args.n_gpu:
            torch.cuda.empty_cache()
        trainer.control = handler.on_step_end(args, state, trainer.control)
        self._after_update()

    def _add_loss(self, loss: Tensor, is_finite: bool) -> None:
        """Add the loss of an update to those that are to be logged; one that is not finite counts as their mean."""
        before = self.trainer.state.global_step - self.last_logged
        if not is_finite and self.args.logging_nan_inf_filter:
            loss = torch.zeros_like(loss) if self.losses is None else self.losses / max(1, before)
        self.losses = loss if self.losses is None else self.losses + loss

    def _epoch_now(self) -> float:
        if self.lengths.batches is not None:
            return self.progress.epoch + self.progress.batches / self.lengths.batches
        batches = self.args.gradient_accumulation_steps * self.lengths.updates
        return self.progress.epoch + self.progress.batches / batches

    def _gradients(self, group: list[Any]) -> Tensor:
        """Sum the gradients of some batches; returns their loss. Where memory runs out, batches are cut and it begins anew."""
        while True:
            try:
                return self._gradients_of(self._cut(group))
            except Exception as error:
                smallest = all(rows_in(batch) <= self.progress.parts for batch in group)
                if smallest or not (self.args.auto_find_batch_size and is_out_of_memory(error)):
                    raise
                self.progress.parts *= 2
                logger.warning("Out of memory: each training batch is cut into %d; updates stay the same", self.progress.parts)
            self._forget_gradients()
            if self.args.n_gpu:
                torch.cuda.empty_cache()

    def _cut(self, group: list[Any]) -> list[Any]:
        count = self.progress.parts
        whole = [(batch, count == 1 or isinstance(batch, Filler)) for batch in group]
        return [part for batch, uncut in whole for part in ([batch] if uncut else parts_of(batch, count))]

    def _gradients_of(self, batches: list[Any]) -> Tensor:
        trainer, args, state = self.trainer, self.args, self.trainer.state
        shifted = shifts_labels(trainer.model)
        counts = [0 if isinstance(batch, Filler) else count_of_items(batch, shifted) for batch in batches]
        total: float = sum(counts)
        if args.average_tokens_across_devices and args.world_size > 1:
            total = float(args.processes.summed(torch.tensor(float(total), dtype=torch.float64, device=args.device)))
        if not total and not any(isinstance(batch, Filler) for batch in batches):
            warn_once("no-labels", "an update has no label that counts (all are -100): its loss is 0, and it teaches nothing")
        loss = torch.zeros((), device=args.device)
        for number, (batch, count) in enumerate(zip(batches, counts, strict=True)):
            inputs = batch.value if isinstance(batch, Filler) else batch
            if number == 0:
                trainer.control = trainer.callback_handler.on_step_begin(args, state, trainer.control)
            trainer.share = count / total if total else 0.0
            last = number == len(batches) - 1
            waits = isinstance(self.model, DistributedDataParallel) and not last
            with self.model.no_sync() if waits else nullcontext():
                loss = loss + trainer.training_step(self.model, inputs, max(1, total))
            trainer.count_inputs(inputs)
            if not last:
                trainer.control = trainer.callback_handler.on_substep_end(args, state, trainer.control)
        return loss

    def _forget_gradients(self) -> None:
        for each in self.parameters:
            each.grad = None

    def _shortened_norm(self) -> float:
        """Shorten the gradient to `max_grad_norm`; returns its norm before that."""
        trainer, longest = self.trainer, self.args.max_grad_norm
        if trainer.scaler is not None:
            trainer.scaler.unscale_(trainer.optimizer)
        parameters = [each for each in self.parameters if each.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, longest or math.inf)
        return float(norm)

    def _step(self) -> None:
        trainer = self.trainer
        if trainer.scaler is None:
            trainer.optimizer.step()
        else:
            trainer.scaler.step(trainer.optimizer)
            trainer.scaler.update()
        if not isinstance(trainer.lr_scheduler, METRIC_SCHEDULES):
            trainer.lr_scheduler.step()

    def _leave_out(self, loss: Tensor, norm: float) -> None:
        """Log an update whose gradient is not finite, and leave it out.

        Raises:
            NumericsError: too many in a row.
        """
        trainer = self.trainer
        if trainer.scaler is not None:  # its first guesses are too large by design
            trainer.scaler.step(trainer.optimizer)
            trainer.scaler.update()
            if math.isfinite(float(loss)) and trainer.scaler.get_scale() >= 1:
                return
        self.progress.nonfinite += 1
        step = trainer.state.global_step + 1
        trainer.log_at({"loss": float(loss), "grad_norm": norm, "learning_rate": self.learning_rate, "skipped": True}, step)
        warn_once("nonfinite", f"step {step}: the loss is {float(loss)}, the gradient's norm {norm}; it is left out")
        if self.progress.nonfinite >= self.args.max_nonfinite_updates:
            raise NumericsError(
                f"{self.progress.nonfinite} updates in a row had a gradient that is not finite, the last at step {step};"
                " the weights hold none of them. Lower learning_rate, look at the data of these steps, or compute in fp32"
            )

    def _say_what_is_not_trained(self) -> None:
        """After the first update: parameters that are to be trained and got no gradient."""
        self.first_update_done = True
        idle = [name for name, each in self.trainer.model.named_parameters() if each.requires_grad and each.grad is None]
        if idle:
            shown = ", ".join(idle[:5]) + (f" and {len(idle) - 5} more" if len(idle) > 5 else "")
            warn_once("no-gradient", f"the loss does not depend on {shown}: they stay as they are", shown)

    # After an update, and at the end of an epoch.

    def _after_update(self) -> None:
        """Log, evaluate and save, as the switches say; end if the process was asked to."""
        trainer, control = self.trainer, self.trainer.control
        if control.should_log and trainer.state.global_step > self.last_logged:
            self._log()
        numbers = None
        if control.should_evaluate:
            numbers = random_state() if trainer.listener.listening else None
            try:
                metrics = trainer._evaluate(self.ignore_keys)
            except Interrupted:
                self.progress.pending = ["evaluate", *(["save"] if control.should_save else [])]
                self._save(numbers)
                raise
            better = trainer._determine_best_metric(metrics)
            if self.args.save_strategy == SaveStrategy.BEST:
                trainer.control.should_save = better
        saved = trainer.control.should_save
        if saved:
            self._save()
        if trainer.listener.heard:
            if not saved and self.args.save_strategy != SaveStrategy.NO:
                self._save()
            raise Interrupted

    def _save(self, numbers: dict[str, Any] | None = None) -> None:
        trainer = self.trainer
        self._collect_losses(keep=True)
        trainer._save_checkpoint(self.model, random_numbers=numbers)
        trainer.control = trainer.callback_handler.on_save(self.args, trainer.state, trainer.control)

    def _log(self) -> None:
        trainer, state = self.trainer, self.trainer.state
        updates = state.global_step - self.last_logged
        loss = self._collect_losses()
        logs = {"loss": loss / updates, "grad_norm": self.grad_norm, "learning_rate": self.learning_rate}
        self.last_logged = state.global_step
        trainer.store_flos()
        trainer.log({name: value for name, value in logs.items() if value is not None})

    def _collect_losses(self, keep: bool = False) -> float:
        """The sum of losses since the last log, over all processes; it begins anew unless `keep`."""
        progress = self.progress
        if self.losses is None:
            progress.loss_sums, progress.loss_updates = [], 0
            return 0.0
        mine = self.losses.detach().float()
        if keep:
            progress.loss_sums = self.args.processes.gathered(float(mine))
            progress.loss_updates = self.trainer.state.global_step - self.last_logged
            return sum(progress.loss_sums)
        summed = float(self.args.processes.summed(mine.clone()))
        progress.total_loss += summed
        progress.loss_sums, progress.loss_updates, self.losses = [], 0, None
        return summed
