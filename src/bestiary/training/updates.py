"""Updates of the weights: gradients of some batches, their norm, the optimizer's step."""

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ..core.errors import NumericsError
from ..core.logging import get_logger, warn_once
from ..core.signatures import is_of_the_library
from .arguments import TrainingArguments
from .columns import check_inputs
from .counted_labels import CountedLabels
from .data import is_out_of_memory, parts_of
from .losses import count_of_items, rows_in, shifts_labels
from .memory_advice import advise
from .optimization import METRIC_SCHEDULES
from .progress import Progress
from .samplers.streamed import Filler
from .sharding.scalars import one_kind_at_a_time, unshared
from .sharding.weights import is_sharded

logger = get_logger(__name__)


class Updates:
    """The updates of a training."""

    def __init__(self, trainer: Any, model: Any) -> None:
        self.trainer, self.model = trainer, model
        self.args: TrainingArguments = trainer.args
        self.progress: Progress = trainer.progress
        self.parameters = list(model.parameters())
        trainer.parameters_to_update = self.parameters
        self.is_first = True
        self.left_out: dict[str, Any] | None = None
        self.counted = CountedLabels(0, False)

    def make(self, group: list[Any], items: Tensor | float | None, epoch: float) -> Tensor:
        """Update the weights by some batches; returns their loss. A gradient that is not finite is left out.

        Args:
            items: what losses are told to divide by; None: the labels of these batches. epoch: after this update.
        """
        trainer, args, state, progress = self.trainer, self.args, self.trainer.state, self.progress
        trainer.current_gradient_accumulation_steps = len(group)
        # A loss of a subclass may make the model's inputs of the batch itself.
        if self.is_first and not isinstance(group[0], Filler) and not trainer.has_own_loss:
            check_inputs(trainer.model, group[0])
        counted, trainer.counted = trainer.counted, None
        own = counted is None or not is_of_the_library(trainer.get_batch_samples)  # a subclass may give other batches
        self.counted = CountedLabels.of(trainer, group) if own or counted is None else counted
        self.items = max(1, self.counted.total) if items is None else items
        self.left_out = None
        loss = self._gradients(group)
        handler = trainer.callback_handler
        progress.grad_norm = float(trainer._get_grad_norm(self.model, grad_norm=trainer._clip_grad_norm(self.model)))
        trainer.control = handler.on_pre_optimizer_step(args, state, trainer.control)
        progress.learning_rate = trainer._get_learning_rate()
        if math.isfinite(progress.grad_norm):
            progress.nonfinite = 0
            self._step()
        else:
            self._leave_out(trainer.loss_of_all(loss), epoch)
        trainer.control = handler.on_optimizer_step(args, state, trainer.control)
        if self.is_first:
            self._say_what_is_not_trained()
        self._forget_gradients()
        return loss

    def _gradients(self, group: list[Any]) -> Tensor:
        """Sum the gradients of some batches; returns their loss. Where memory runs out, batches are cut and it begins anew.

        All processes cut theirs where one runs out of memory; so gradients are exchanged only once none did.
        """
        args, processes = self.args, self.args.processes
        while True:
            loss = self._tried(group)
            failures = float(loss is None)
            if args.auto_find_batch_size and args.world_size > 1:
                failures = float(processes.summed(torch.tensor(failures)))
            if loss is not None and not failures:
                break
            self.progress.parts *= 2
            logger.warning("Out of memory: each training batch is cut into %d; updates stay the same", self.progress.parts)
            self._forget_gradients()
            if args.n_gpu:
                torch.cuda.empty_cache()
        if args.auto_find_batch_size:
            processes.mean_gradients([each for each in self.parameters if each.requires_grad])
            if args.ddp_broadcast_buffers is not False:
                processes.send_from_first(self.trainer.model.buffers())
        elif is_sharded(self.trainer.model):
            processes.mean_gradients(unshared(self.trainer.model))
        return loss

    def _tried(self, group: list[Any]) -> Tensor | None:
        """The same once; None where memory ran out and batches can be smaller."""
        try:
            return self._gradients_of(self._cut(group))
        except Exception as error:
            smallest = all(rows_in(batch) <= self.progress.parts for batch in group)
            if smallest or not (self.args.auto_find_batch_size and is_out_of_memory(error)):
                if is_out_of_memory(error):
                    advise(error, self.trainer, max(self._cut(group), key=rows_in), training=True)
                raise
            return None

    def _cut(self, group: list[Any]) -> list[Any]:
        count = self.progress.parts
        whole = [(batch, count == 1 or isinstance(batch, Filler)) for batch in group]
        return [part for batch, uncut in whole for part in ([batch] if uncut else parts_of(batch, count))]

    def _gradients_of(self, batches: list[Any]) -> Tensor:
        trainer, args, state = self.trainer, self.args, self.trainer.state
        shifted = shifts_labels(trainer.model)
        counts = [0 if isinstance(batch, Filler) else count_of_items(batch, shifted) for batch in batches]
        total = self.counted.total
        if not total and not any(isinstance(batch, Filler) for batch in batches):
            warn_once("no-labels", "an update has no label that counts (all are -100): its loss is 0, and it teaches nothing")
        loss = torch.zeros((), device=args.device)
        for number, (batch, count) in enumerate(zip(batches, counts, strict=True)):
            inputs = batch.value if isinstance(batch, Filler) else batch
            if number == 0:
                trainer.control = trainer.callback_handler.on_step_begin(args, state, trainer.control)
            trainer.share = count / total if total else 0.0
            last = number == len(batches) - 1
            with nullcontext() if last else trainer.gradients_kept(self.model):
                loss = loss + trainer.training_step(self.model, inputs, self.items)
            trainer.count_inputs(inputs)
            if not last:
                trainer.control = trainer.callback_handler.on_substep_end(args, state, trainer.control)
        trainer.share = 1.0
        return loss

    def _forget_gradients(self) -> None:
        for each in self.parameters:
            each.grad = None

    def _step(self) -> None:
        trainer = self.trainer
        if trainer.within_backward is not None:
            trainer.within_backward.step()
        elif trainer.scaler is None:
            with one_kind_at_a_time(trainer.optimizer):
                trainer.optimizer.step()
        else:
            with one_kind_at_a_time(trainer.optimizer):
                trainer.scaler.step(trainer.optimizer)
            trainer.scaler.update()
        if not isinstance(trainer.lr_scheduler, METRIC_SCHEDULES):
            trainer.lr_scheduler.step()

    def _leave_out(self, loss: float, epoch: float) -> None:
        """Leave out an update whose gradient is not finite; `left_out` is what is to be logged of it, with its step.

        Raises:
            NumericsError: too many in a row.
        """
        trainer, progress = self.trainer, self.progress
        if trainer.scaler is not None:  # its first guesses are too large by design
            trainer.scaler.step(trainer.optimizer)
            trainer.scaler.update()
            if math.isfinite(loss) and trainer.scaler.get_scale() >= 1:
                return
        progress.nonfinite += 1
        step = trainer.state.global_step + 1
        row = {"loss": loss, "grad_norm": progress.grad_norm, "learning_rate": progress.learning_rate, "skipped": True}
        warn_once("nonfinite", f"step {step}: the loss is {loss}, the gradient's norm {progress.grad_norm}; it is left out")
        self.left_out = row
        if progress.nonfinite >= self.args.max_nonfinite_updates:
            trainer.log_at(row, step, epoch)
            raise NumericsError(
                f"{progress.nonfinite} updates in a row had a gradient that is not finite, the last at step {step};"
                " the weights hold none of them. Lower learning_rate, look at the data of these steps, or compute in fp32"
            )

    def _say_what_is_not_trained(self) -> None:
        """After the first update: parameters that are to be trained and got no gradient."""
        self.is_first = False
        if self.trainer.within_backward is not None:  # no gradient is left
            return
        idle = [name for name, each in self.trainer.model.named_parameters() if each.requires_grad and each.grad is None]
        if idle:
            shown = ", ".join(idle[:5]) + (f" and {len(idle) - 5} more" if len(idle) > 5 else "")
            warn_once("no-gradient", f"the loss does not depend on {shown}: they stay as they are", shown)
