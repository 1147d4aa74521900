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

    def _save_checkpoint(self: Any, model: nn.Module, trial: Any = None, random_numbers: dict[str, Any] | None = None) -> None:
        """Write all that a continuation needs into a folder of its own, then remove old ones.

        Args:
            random_numbers: the states to keep; by default those of now.

        Raises:
            SaveError: it could not be written; in every process.
        """
        args, state = self.args, self.state
        folder = Path(self._get_output_dir(trial))
        to_average(self.optimizer)
        states = args.processes.gathered(random_state() if random_numbers is None else random_numbers)
        self.store_flos()
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
                        self._save_training_state(partial, states, None if parts is None else parts.optimizer)
                    # Callbacks are asked now, for their state changes with each event.
                    state.stateful_callbacks = TrainerState(stateful_callbacks=self.stateful_callbacks()).stateful_callbacks
                    state.save_to_json(str(partial / TRAINER_STATE_NAME))
                rotate(folder, args.save_total_limit, self.progress.run, state.best_model_checkpoint)
            except BestiaryError as error:
                fault = error
        if fault := args.processes.of_first(fault):
            raise fault
        self._push_from_checkpoint(str(folder / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"))

    def _bytes_to_save(self: Any) -> int:
        weights = bytes_of(dict(self.model.named_parameters()))
        return weights + (0 if self.args.save_only_model else bytes_of(self.optimizer.state_dict()))

    def _save_training_state(
        self: Any, folder: Path, random_states: list[dict[str, Any]], optimizer_state: dict[str, Any] | None = None
    ) -> None:
        if not holds_shards(folder):
            write_state(state_to_store(self.optimizer) if optimizer_state is None else optimizer_state, folder / OPTIMIZER_NAME)
        write_state(self.lr_scheduler.state_dict(), folder / SCHEDULER_NAME)
        if self.scaler is not None:
            write_state(self.scaler.state_dict(), folder / SCALER_NAME)
        for index, state in enumerate(random_states):
            write_state(state, folder / random_name(index, len(random_states)))
        self.progress.save(folder)

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
            print(metrics_table(split, metrics))  # noqa: T201 (this is what it is for)

    def metrics_format(self: Any, metrics: dict[str, Any]) -> dict[str, Any]:
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
