"""The phases of `Trainer.train`, each a method that a subclass may put something around."""

from typing import Any

from torch import Tensor, nn

from .arguments import TrainingArguments
from .evaluation import TrainOutput
from .loop import TrainingLoop


class Phases:
    """Methods of `Trainer`: the whole of a training once weights are there, and what it is made of."""

    _loop: TrainingLoop

    def _inner_training_loop(
        self: Any,
        batch_size: int | None = None,
        args: TrainingArguments | None = None,
        resume_from_checkpoint: str | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """What `train` does once weights are there: all epochs. A subclass may do something before and after.

        Args:
            batch_size, args: the trainer's own. resume_from_checkpoint: the folder of a checkpoint whose weights were taken.
        """
        self._loop = TrainingLoop(self, resume_from_checkpoint, trial, ignore_keys_for_eval)
        try:
            output: TrainOutput = self._loop.run()
            return output
        finally:
            del self._loop  # it holds the model, which the next trial of a search takes the place of

    def _maybe_log_save_evaluate(
        self: Any,
        tr_loss: Tensor,
        grad_norm: Tensor | float | None,
        model: nn.Module,
        trial: Any,
        epoch: float,
        ignore_keys_for_eval: list[str] | None,
        start_time: float | None = None,
        learning_rate: float | None = None,
    ) -> None:
        """Log, evaluate and save, as the switches of `self.control` say; called after each update and each epoch.

        Args:
            tr_loss: the sum of losses since the last log. grad_norm, learning_rate: of the last update.
            start_time: of the training, of `time.time`.
        """
        self._loop.log_evaluate_and_save()

    def _init_training_state(
        self: Any,
        max_steps: int,
        num_update_steps_per_epoch: int,
        num_train_epochs: int,
        resume_from_checkpoint: str | None,
        trial: Any,
    ) -> tuple[int, int]:
        """Set `self.state`, that of a checkpoint where one is gone on from.

        Returns:
            Epochs that are done, and batches of the one after; the training begins behind those that are returned.
        """
        done: tuple[int, int] = self._loop.begin_state(resume_from_checkpoint)
        return done

    def _prepare_for_training(
        self: Any, max_steps: int, train_dataloader: Any, resume_from_checkpoint: str | None
    ) -> tuple[Any, Any]:
        """Make the optimizer and its schedule, for so many updates, and take their state from a checkpoint.

        Returns:
            The model and the loader to train with.
        """
        return self._loop.prepare(max_steps, resume_from_checkpoint), train_dataloader

    def _run_epoch(
        self: Any,
        model: Any,
        epoch: int,
        train_dataloader: Any,
        steps_in_epoch: int,
        num_update_steps_per_epoch: int,
        trial: Any,
        ignore_keys_for_eval: list[str] | None,
        start_time: float,
        resume_from_checkpoint: str | None,
        epochs_trained: int,
        steps_trained_in_current_epoch: int,
    ) -> None:
        """Train on what is left of an epoch, with all that is due in it and at its end.

        Args:
            model: as it is wrapped. epoch: its number. train_dataloader: the batches; a subclass may give others.
            steps_in_epoch, num_update_steps_per_epoch: its batches and updates. start_time: of the training, of `time.time`.
            epochs_trained, steps_trained_in_current_epoch: epochs and batches of the one after, in the checkpoint that this
            goes on from.
        """
        self._loop.epoch(train_dataloader)

    def _finalize_training(self: Any, trial: Any, num_train_samples: int, start_time: float) -> TrainOutput:
        """Log what came of a training, and take the best checkpoint's weights if `args` say so."""
        output: TrainOutput = self._loop.finish(num_train_samples, start_time)
        return output
