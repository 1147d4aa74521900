"""The loop of a training: its epochs and updates, what is done after each, and how it goes on where another ended."""

import math
import signal
import time
from collections.abc import Iterator
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.files import folder_to_fill
from ..core.logging import warn_once
from .arguments import TrainingArguments
from .callbacks.base import TrainerState
from .checkpoints import TRAINER_STATE_NAME
from .choices import SaveStrategy
from .evaluation import TrainOutput
from .interruption import Interrupted
from .lengths import NO_END, Lengths
from .loaders import has_length, number_of_rows, position, rows_of
from .progress import Progress
from .randomness import random_state
from .run_metrics import speed_metrics
from .samplers.sharded import set_epoch
from .samplers.streamed import Filler, Streamed
from .updates import Updates


class TrainingLoop:
    """One run of `Trainer.train`."""

    def __init__(self, trainer: Any, checkpoint: str | None, trial: Any, ignore_keys: list[str] | None) -> None:
        self.trainer, self.checkpoint, self.trial, self.ignore_keys = trainer, checkpoint, trial, ignore_keys
        self.loader = trainer.get_train_dataloader()
        self.progress: Progress = trainer.progress
        self.args: TrainingArguments = trainer.args
        self.args.processes.check_same(len(self.loader) if has_length(self.loader) else -1, "the number of training batches")
        epochs, _, _, _, _, batches, updates = trainer.set_initial_training_values(self.args, self.loader)
        self.lengths = Lengths(batches if has_length(self.loader) else None, updates, epochs)
        self.rows_of_batch = trainer._train_batch_size * self.args.world_size
        self.rows_of_update: int = self.rows_of_batch * self.args.gradient_accumulation_steps
        stored = None if checkpoint is None else Progress.load(Path(checkpoint))
        if stored is not None and stored.rows_of_update != self.rows_of_update:
            rows = max(0, len(rows_of(self.loader)) - stored.rows) if has_length(self.loader) else 0
            in_epoch = math.ceil(math.ceil(rows / self.rows_of_batch) / self.args.gradient_accumulation_steps)
            done = TrainerState.load_from_json(str(Path(checkpoint or "") / TRAINER_STATE_NAME)).global_step
            self.lengths = self.lengths.after(done + in_epoch, stored.epoch + 1, self.args)
        # Losses of updates since the last log, on the device, so that no update waits for it.
        self.losses: Tensor | None = None
        trainer._globalstep_last_logged = 0
        # Whether an update since the last log has a loss, which one that was left out has not.
        self.has_loss = False
        self.log_takes_start = len(signature(trainer.log).parameters) > 1  # not in older subclasses

    def run(self) -> TrainOutput:
        """Train, and return what came of it."""
        trainer = self.trainer
        self.start = time.time()
        with trainer.listener:
            try:
                self._begin()
                self._epochs()
            except Interrupted:
                raise SystemExit(128 + signal.SIGTERM) from None
            output: TrainOutput = trainer._finalize_training(self.trial, self._rows_trained(), self.start)
            return output

    # Before and after.

    def _begin(self) -> None:
        trainer, args, progress = self.trainer, self.args, self.progress
        updates, in_epoch = self.lengths.updates, self.lengths.updates_of_epoch(self.args)
        place = trainer._init_training_state(updates, in_epoch, self.lengths.epochs, self.checkpoint, self.trial)
        if tuple(place) != (progress.epoch, progress.batches):  # a subclass begins elsewhere
            progress.begin_epoch(place[0])
            progress.take(place[1], self.rows_of_batch)
        self.done = progress.epoch, progress.batches
        self.model, self.loader = trainer._prepare_for_training(updates, self.loader, self.checkpoint)
        self.updates = Updates(trainer, self.model)
        if args.save_strategy != SaveStrategy.NO and args.should_save:
            folder_to_fill(args.output_dir)
        trainer._note_trial()
        state, handler = trainer.state, trainer.callback_handler
        self.progress.rows_of_update = self.rows_of_update
        self.progress.lanes = getattr(position(self.loader), "lanes", 0)
        state.max_steps, state.num_train_epochs = updates, min(self.lengths.epochs, NO_END)
        state.train_batch_size = args.train_batch_size
        state.is_local_process_zero, state.is_world_process_zero = (
            trainer.is_local_process_zero(),
            trainer.is_world_process_zero(),
        )
        state.compute_steps(args, updates)
        handler.model, handler.optimizer, handler.lr_scheduler = trainer.model, trainer.optimizer, trainer.lr_scheduler
        handler.train_dataloader = self.loader
        trainer._globalstep_last_logged = state.global_step - self.progress.loss_updates
        trainer.first_tokens = state.num_input_tokens_seen
        trainer.control = handler.on_train_begin(args, state, trainer.control)
        if args.eval_on_start and self.checkpoint is None:
            trainer._evaluate(self.trial, self.ignore_keys, skip_scheduler=True)

    def begin_state(self, checkpoint: str | None) -> tuple[int, int]:
        """Set the trainer's state; returns epochs that are done, and batches of the one after."""
        trainer = self.trainer
        self.restores_random_numbers = False
        if checkpoint is None:
            trainer.state = TrainerState(stateful_callbacks=trainer.stateful_callbacks())
        else:
            self._restore(Path(checkpoint))
        return self.progress.epoch, self.progress.batches

    def prepare(self, updates: int, checkpoint: str | None) -> Any:
        """Make what updates the weights, and put back its state; returns the model as it is wrapped."""
        trainer = self.trainer
        model = trainer.model_wrapped = trainer._wrap_model(trainer.model)
        model.train()
        trainer.create_optimizer_and_scheduler(updates if updates != NO_END else 0)
        trainer.begin_updates()
        trained = {id(each) for each in trainer.model.parameters()}
        groups = getattr(trainer.optimizer, "param_groups", ())
        if groups and not any(id(each) in trained for group in groups for each in group["params"]):
            warn_once("foreign-optimizer", "the optimizer holds no parameter of the model, so the model stays as it is")
        if checkpoint is not None:
            trainer._load_optimizer_and_scheduler(checkpoint)
            trainer._load_scaler(checkpoint)
        return model

    def _restore(self, checkpoint: Path) -> None:
        """Take the state and the place in the data from a checkpoint."""
        trainer, args = self.trainer, self.args
        trainer.load_training_state(checkpoint)
        self.restores_random_numbers = True
        stored = Progress.load(checkpoint)
        if stored is None:  # of the published trainer
            epoch, updates = divmod(trainer.state.global_step, self.lengths.updates_of_epoch(self.args))
            used = updates * args.gradient_accumulation_steps
            stored = Progress(epoch=epoch, rows_of_update=self.rows_of_update)
            stored.take(used, self.rows_of_batch)
        for name, value in vars(stored).items():
            setattr(self.progress, name, value)
        self.progress.resumed.append(trainer.state.global_step)
        trainer.pace.go_on(self.progress.pace, args.world_size)
        if self.progress.rows_of_update != self.rows_of_update:
            self.progress.batches = math.ceil(self.progress.rows / self.rows_of_batch)
        if args.ignore_data_skip:
            self.progress.begin_epoch(self.progress.epoch)
        elif isinstance(place := position(self.loader), Streamed):
            place.go_on_as(self.progress.lanes)
        sums = self.progress.loss_sums
        mine = sums[args.process_index] if args.process_index < len(sums) else 0.0
        self.losses = torch.tensor(mine, dtype=torch.float32, device=args.device) if self.progress.loss_updates else None
        self.has_loss = any(sums)

    def finish(self, rows: int, start: float) -> TrainOutput:
        """Log what came of the training, which took so many rows, and take the best weights if `args` say so."""
        trainer, args, state = self.trainer, self.args, self.trainer.state
        self._collect_losses()
        steps = max(1, state.global_step - trainer.first_step)
        train_loss = self.progress.total_loss / max(1, state.global_step - self.progress.uncounted)
        metrics: dict[str, Any] = speed_metrics("train", start, rows, steps if state.global_step else None)
        trainer.store_flos()
        metrics |= {"total_flos": state.total_flos, "train_loss": train_loss}
        trainer.is_in_train = False
        trainer._memory_tracker.stop("train")
        trainer._memory_tracker.update_metrics("train", metrics)
        trainer.log(metrics)
        if args.load_best_model_at_end and state.best_model_checkpoint is not None:
            trainer._load_best_model()
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
        if self._is_done() and not self.progress.batches:
            trainer.control.should_training_stop = True
        while self.progress.epoch < self.lengths.epochs and not trainer.control.should_training_stop:
            trainer._run_epoch(
                model=self.model,
                epoch=self.progress.epoch,
                train_dataloader=self.loader,
                steps_in_epoch=self.lengths.batches or NO_END,
                num_update_steps_per_epoch=self.lengths.updates_of_epoch(self.args),
                trial=self.trial,
                ignore_keys_for_eval=self.ignore_keys,
                start_time=self.start,
                resume_from_checkpoint=self.checkpoint,
                epochs_trained=self.done[0],
                steps_trained_in_current_epoch=self.done[1],
            )

    def epoch(self, loader: Any) -> None:
        """What is left of an epoch, of the batches of a loader, and what is due at its end."""
        trainer, self.loader = self.trainer, loader
        trainer.control = trainer.callback_handler.on_epoch_begin(self.args, trainer.state, trainer.control)
        updates = self._epoch()
        if not updates and self.lengths.batches is None:
            warn_once("data-ended", "the training data yields no more rows; training ends before max_steps")
            trainer.control.should_training_stop = True
        self._note_epoch()
        trainer.control = trainer.callback_handler.on_epoch_end(self.args, trainer.state, trainer.control)
        self.progress.begin_epoch(self.progress.epoch + 1)
        self._after()

    def _is_done(self) -> bool:
        state = self.trainer.state
        done: bool = state.global_step >= state.max_steps
        return done

    def _note_epoch(self) -> None:
        """Where nothing but the end of the data says how long an epoch is, it is known once one was whole."""
        progress, control = self.progress, self.trainer.control
        if self.lengths.updates == NO_END and not (control.should_epoch_stop or control.should_training_stop):
            progress.epoch_batches = progress.batches
            self.trainer.state.epoch = float(progress.epoch + 1)

    def _epoch(self) -> bool:
        """Go over the rest of the data; returns whether an update was made or none was left to make."""
        trainer, progress, accumulation = self.trainer, self.progress, self.args.gradient_accumulation_steps
        batches = self._batches()
        updated = progress.batches > 0
        if self._is_done():  # it goes on after its last update: only what ends an epoch is left
            trainer.control.should_training_stop = True
        while not (trainer.control.should_epoch_stop or trainer.control.should_training_stop):
            if progress.batches == self.lengths.batches:
                break
            group, items = trainer.get_batch_samples(batches, accumulation, self.args.device)
            if self.lengths.batches is None:
                self.args.processes.check_same(len(group), "the number of batches for an update of an iterable data set")
            if not group:
                break
            updated = True
            progress.take(len(group), self.rows_of_batch)
            self._update(group, items)
        return updated

    def _batches(self) -> Iterator[Any]:
        """The batches of an epoch from where the training is; then random numbers are as they were there."""
        progress = self.progress
        set_epoch(self.loader, progress.epoch)
        self.trainer.past = None
        begins_within = progress.batches > 0
        if not begins_within:
            self._restore_random_numbers()
        place = position(self.loader)
        left = progress.batches
        if begins_within and place is not None:
            left = place.skip(progress.taken or [[progress.rows, 1]])  # the latter of a checkpoint of an earlier version
        batches: Iterator[Any] = iter(self.loader)
        if left:
            next(islice(batches, left - 1, None), None)
        if begins_within:
            self._restore_random_numbers()
        if getattr(position(self.loader), "fillers", False):
            return self._with_filler(batches)
        return batches

    def _with_filler(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The same, the last one of which is there so that this process takes as many as others."""
        for number, batch in enumerate(batches, self.progress.batches + 1):
            yield Filler(batch) if number == self.lengths.batches else batch

    def _restore_random_numbers(self) -> None:
        """Those of the checkpoint; then do what was left undone there."""
        if not self.restores_random_numbers:
            return
        self.restores_random_numbers = False
        self.trainer._load_rng_state(self.checkpoint)
        pending, self.progress.pending = self.progress.pending, []
        if pending:
            control = self.trainer.control
            control.should_evaluate, control.should_save = "evaluate" in pending, "save" in pending
            self._after()

    def _update(self, group: list[Any], items: Tensor | float | None) -> None:
        """One update of the weights from some batches, and what is due after it.

        Args:
            items: labels that the losses are told to divide by.
        """
        trainer, args, state = self.trainer, self.args, self.trainer.state
        loss = self.updates.make(group, items, self._epoch_now())
        self._add_loss(loss, math.isfinite(self.progress.grad_norm or 0.0))
        state.global_step += 1
        state.epoch = self._epoch_now()
        if args.torch_empty_cache_steps and state.global_step % args.torch_empty_cache_steps == 0 and args.n_gpu:
            torch.cuda.empty_cache()
        trainer.control = trainer.callback_handler.on_step_end(args, state, trainer.control)
        alone = trainer.control.should_log and state.global_step - trainer._globalstep_last_logged == 1
        if self.updates.left_out is not None and not alone:  # else the log of this step says it
            trainer.log_at(self.updates.left_out, state.global_step)
        self._after()

    def _add_loss(self, loss: Tensor, is_finite: bool) -> None:
        """Add the loss of an update to those that are to be logged; one that is not finite counts as their mean."""
        self.has_loss = self.has_loss or is_finite or not self.args.logging_nan_inf_filter
        before = self.trainer.state.global_step - self.trainer._globalstep_last_logged
        if not is_finite and self.args.logging_nan_inf_filter:
            self.progress.uncounted += self.losses is None
            loss = torch.zeros_like(loss) if self.losses is None else self.losses / max(1, before)
        self.losses = loss if self.losses is None else self.losses + loss

    def _epoch_now(self) -> float:
        if self.lengths.batches is not None:
            return self.progress.epoch + self.progress.batches / self.lengths.batches
        if self.lengths.updates == NO_END:
            known = self.progress.epoch_batches
            return self.progress.epoch + (min(1.0, self.progress.batches / known) if known else 0.0)
        batches = self.args.gradient_accumulation_steps * self.lengths.updates
        return self.progress.epoch + self.progress.batches / batches

    # After an update, and at the end of an epoch.

    def _after(self) -> None:
        """Log, evaluate and save, as the switches say; end if the process was asked to."""
        trainer, progress, state = self.trainer, self.progress, self.trainer.state
        self.saved = False
        trainer._maybe_log_save_evaluate(
            torch.zeros((), device=self.args.device) if self.losses is None else self.losses,
            progress.grad_norm,
            self.model,
            self.trial,
            state.epoch,
            self.ignore_keys,
            self.start,
            learning_rate=progress.learning_rate,
        )
        if trainer.listener.heard if self.args.world_size == 1 else self.updates.counted.is_asked_to_end:
            if not self.saved and self.args.save_strategy != SaveStrategy.NO:
                self._save()
            raise Interrupted

    def log_evaluate_and_save(self) -> None:
        """The same, without the end: what `Trainer._maybe_log_save_evaluate` does."""
        trainer, control = self.trainer, self.trainer.control
        if control.should_log and trainer.state.global_step > self.trainer._globalstep_last_logged:
            self._log()
        numbers = None
        if control.should_evaluate:
            numbers = random_state() if trainer.listener.listening else None
            try:
                metrics = trainer._evaluate(self.trial, self.ignore_keys)
            except Interrupted:
                self.progress.pending = ["evaluate", *(["save"] if control.should_save else [])]
                self._save(numbers)
                raise
            better = trainer._determine_best_metric(metrics=metrics, trial=self.trial)
            if self.args.save_strategy == SaveStrategy.BEST:
                trainer.control.should_save = better
        if trainer.control.should_save:
            self._save()

    def _save(self, numbers: dict[str, Any] | None = None) -> None:
        trainer = self.trainer
        self._collect_losses(keep=True)
        with trainer.pace.stopped():
            trainer.random_numbers_to_save = numbers
            trainer._save_checkpoint(self.model, self.trial)
            trainer.report.saved()
        self.saved = True
        trainer.control = trainer.callback_handler.on_save(self.args, trainer.state, trainer.control)

    def _log(self) -> None:
        trainer, state = self.trainer, self.trainer.state
        updates = state.global_step - self.trainer._globalstep_last_logged
        loss = self._collect_losses()
        progress = self.progress
        mean = loss / updates if self.has_loss else None
        logs = {"loss": mean, "grad_norm": progress.grad_norm, "learning_rate": progress.learning_rate}
        self.trainer._globalstep_last_logged, self.has_loss = state.global_step, False
        trainer.store_flos()
        logs = {name: value for name, value in logs.items() if value is not None}
        logs |= (self.updates.left_out or {}) if updates == 1 else {}
        trainer.log(logs, *([self.start] if self.log_takes_start else []))

    def _collect_losses(self, keep: bool = False) -> float:
        """The sum of losses since the last log, over all processes; it begins anew unless `keep`."""
        progress = self.progress
        if self.losses is None:
            progress.loss_sums, progress.loss_updates = [], 0
            return 0.0
        mine = self.losses.detach().float()
        if keep:
            progress.loss_sums = self.args.processes.gathered(float(mine))
            progress.loss_updates = self.trainer.state.global_step - self.trainer._globalstep_last_logged
            return 0.0
        summed: float = self.trainer.loss_of_all(mine)
        progress.total_loss += summed
        progress.loss_sums, progress.loss_updates, self.losses = [], 0, None
        return summed
