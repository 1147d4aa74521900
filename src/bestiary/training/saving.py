"""What `Trainer` writes: models, checkpoints and what was measured."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from torch import nn

from ..core.errors import ArgumentError, BestiaryError
from ..core.files import folder_to_fill
from ..core.logging import get_logger, warn_once
from .callbacks.base import TrainerState
from .checkpoints import (
    OPTIMIZER_NAME,
    PREFIX_CHECKPOINT_DIR,
    SCALER_NAME,
    SCHEDULER_NAME,
    TRAINER_STATE_NAME,
    bytes_of,
    new_checkpoint,
    rotate,
)
from .optimizers.averaging import to_average
from .optimizers.stored import state_to_store
from .randomness import random_state
from .restoring import Restoring
from .run_metrics import as_number, metrics_format, metrics_table, save_metrics
from .sharding.shards import holds_shards
from .stored_state import random_name, write_state
from .whole_model import save_beside, save_whole_model

logger = get_logger(__name__)


class Saving(Restoring):
    """Methods of `Trainer` that write. A subclass may replace any of them."""

    # Of the checkpoint that is written: where random numbers were before an evaluation that was cut short, and what was
    # collected from all processes.
    random_numbers_to_save: dict[str, Any] | None = None
    _random_states: list[dict[str, Any]] | None = None
    _optimizer_state: dict[str, Any] | None = None

    # Models.

    def save_model(self: Any, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the model, its tokenizer or processor and the arguments, so that `from_pretrained` opens them.

        Args:
            output_dir: the folder; by default `args.output_dir`.
        """
        to_average(self.optimizer)
        weights = self.whole_weights()
        if self.args.should_save:
            self._save(self.args.output_dir if output_dir is None else output_dir, state_dict=weights)
        if self.args.push_to_hub and not _internal_call:
            self.push_to_hub("Model save")

    def _save(self: Any, output_dir: str | None = None, state_dict: Mapping[str, Any] | None = None) -> None:
        folder = self.args.output_dir if output_dir is None else output_dir
        save_whole_model(self.model, self.processing_class, self.args, folder, state_dict)

    def _save_beside(self: Any, folder: Path) -> None:
        """Write what stands beside weights: the tokenizer or processor, and the arguments."""
        save_beside(self.processing_class, self.args, folder)

    # Checkpoints.

    def _get_output_dir(self: Any, trial: Any = None) -> str:
        folder: str = self._folder_of_trial()
        return folder

    def _save_checkpoint(self: Any, model: nn.Module, trial: Any = None) -> None:
        """Write all that a continuation needs into a folder of its own, then remove old ones.

        Raises:
            SaveError: it could not be written; in every process.
        """
        args, state = self.args, self.state
        self._random_states = self._gathered_random_states()  # before any other process draws more of them
        self.store_flos()
        folder = Path(self._get_output_dir(trial=trial))
        to_average(self.optimizer)
        parts = self.collected(folder / f".{PREFIX_CHECKPOINT_DIR}-{state.global_step}.shards.partial")
        fault: BestiaryError | None = None
        if args.should_save:
            path = folder / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
            if state.best_global_step == state.global_step:
                state.best_model_checkpoint = str(path)
            try:
                with new_checkpoint(folder, state.global_step, self.progress.run, self._bytes_to_save()) as partial:
                    if parts is None:
                        self.save_model(str(partial), _internal_call=True)
                    else:
                        self._save_collected(partial, parts)
                    if not args.save_only_model:
                        self._optimizer_state = None if parts is None else parts.optimizer
                        self._save_optimizer_and_scheduler(str(partial))
                        self._save_scaler(str(partial))
                        self._save_rng_state(str(partial))
                        self.progress.save(partial)
                    # Callbacks are asked now, for their state changes with each event.
                    state.stateful_callbacks = TrainerState(stateful_callbacks=self.stateful_callbacks()).stateful_callbacks
                    state.save_to_json(str(partial / TRAINER_STATE_NAME))
                rotate(folder, args.save_total_limit, self.progress.run, state.best_model_checkpoint)
            except BestiaryError as error:
                fault = error
        self._random_states = self._optimizer_state = self.random_numbers_to_save = None
        if fault := args.processes.of_first(fault):
            raise fault
        if args.push_to_hub:
            self._push_from_checkpoint(str(folder / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"))

    def _bytes_to_save(self: Any) -> int:
        weights = bytes_of(dict(self.model.named_parameters()))
        return weights + (0 if self.args.save_only_model else bytes_of(self.optimizer.state_dict()))

    def _save_optimizer_and_scheduler(self: Any, output_dir: str) -> None:
        """Write the states of both into a folder; the optimizer's, where it is shared out, if it was collected for that."""
        folder = Path(output_dir)
        if not holds_shards(folder):
            collected = self._optimizer_state
            write_state(state_to_store(self.optimizer) if collected is None else collected, folder / OPTIMIZER_NAME)
        write_state(self.lr_scheduler.state_dict(), folder / SCHEDULER_NAME)

    def _save_scaler(self: Any, output_dir: str) -> None:
        """Write the scale of 16-bit gradients, where there is one."""
        if self.scaler is not None:
            write_state(self.scaler.state_dict(), Path(output_dir) / SCALER_NAME)

    def _save_rng_state(self: Any, output_dir: str) -> None:
        """Write the random numbers of all processes; outside of a checkpoint every process has to call it."""
        states = self._gathered_random_states() if self._random_states is None else self._random_states
        for index, state in enumerate(states if self.args.should_save else ()):
            write_state(state, Path(output_dir) / random_name(index, len(states)))

    def _gathered_random_states(self: Any) -> list[dict[str, Any]]:
        kept = self.random_numbers_to_save
        states: list[dict[str, Any]] = self.args.processes.gathered(random_state() if kept is None else kept)
        return states

    def _new_run(self: Any) -> str:
        return str(self.args.processes.of_first(uuid4().hex))

    # The best evaluation.

    def _metric(self: Any, metrics: Mapping[str, float], name: str) -> float:
        name = name if name.startswith("eval_") else f"eval_{name}"
        if name not in metrics:
            raise ArgumentError(f"metric_for_best_model is {name!r}, which the evaluation did not give: {', '.join(metrics)}")
        value: Any = as_number(metrics[name])
        if not isinstance(value, int | float):
            raise ArgumentError(f"metric_for_best_model is {name!r}, which is {value!r:.60}; expected a number to compare")
        return float(value) if isinstance(value, bool) else value

    def _determine_best_metric(self: Any, metrics: Mapping[str, float], trial: Any = None) -> bool:
        """Note an evaluation that is better than all before; returns whether it is."""
        args, state = self.args, self.state
        if args.metric_for_best_model is None:
            return False
        value = self._metric(metrics, args.metric_for_best_model)
        if math.isnan(value):
            warn_once("nan-metric", f"{args.metric_for_best_model} is NaN, so this evaluation is never the best")
            return False
        best = state.best_metric
        if best is not None and not (value > best if args.greater_is_better else value < best):
            return False
        state.best_metric, state.best_global_step = value, state.global_step
        return True

    # What was measured.

    def log_metrics(self: Any, split: str, metrics: dict[str, Any]) -> None:
        """Print metrics in a table, in the first process.

        Args:
            split: what they are of: train, eval, test.
        """
        if self.is_world_process_zero():
            print(metrics_table(split, self.metrics_format(metrics)))  # noqa: T201 (this is what it is for)

    @staticmethod
    def metrics_format(metrics: dict[str, Any]) -> dict[str, Any]:
        """A copy to be looked at."""
        return metrics_format(metrics)

    def save_metrics(self: Any, split: str, metrics: dict[str, Any], combined: bool = True) -> None:
        """Write `SPLIT_results.json`, and with `combined` add to `all_results.json`, in the first process."""
        if self.is_world_process_zero():
            save_metrics(folder_to_fill(self.args.output_dir), split, metrics, combined)

    def save_state(self: Any) -> None:
        """Write `trainer_state.json`, in the first process."""
        if self.is_world_process_zero():
            self.state.save_to_json(str(folder_to_fill(self.args.output_dir) / TRAINER_STATE_NAME))
