"""What `Trainer` counts and tells: operations, tokens, logs, and the callbacks that hear of all of it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core.signatures import is_of_the_library
from .callbacks.base import ExportableState, TrainerCallback
from .callbacks.handler import Callback, CallbackHandler
from .run_metrics import speed_metrics


class Telling:
    """Methods of `Trainer` that count and tell. A subclass may replace any of them."""

    callback_handler: CallbackHandler
    _ops_of_token: int | None
    first_tokens: int = 0  # counted before this run, by the one it goes on from

    # What is counted and told.

    def count_inputs(self: Any, inputs: Mapping[str, Any]) -> None:
        """Count a batch's operations, and its tokens if `args` say so."""
        self.current_flos += float(self.floating_point_ops(inputs))
        main = inputs.get(getattr(self.model, "main_input_name", "input_ids"))
        if isinstance(main, Tensor) and not main.is_floating_point():
            self.pace.tokens += main.numel()
        self._track_num_input_tokens(inputs)

    def _track_num_input_tokens(self: Any, inputs: Mapping[str, Any]) -> None:
        """Count a batch's tokens, of all processes, if `args` say so."""
        main = inputs.get(getattr(self.model, "main_input_name", "input_ids"))
        how = self.args.include_num_input_tokens_seen
        if how == "no":
            return
        mask = inputs.get("attention_mask")
        if how == "non_padding" and isinstance(mask, Tensor):
            count = int(mask.sum())
        else:
            count = main.numel() if isinstance(main, Tensor) else 0
        self.state.num_input_tokens_seen += int(self.args.processes.summed(torch.tensor(count, device=self.args.device)))

    def floating_point_ops(self: Any, inputs: Mapping[str, Any]) -> int:
        """Operations of forward and backward of a batch, as the model says; 0 for one that does not."""
        says = getattr(self.model, "floating_point_ops", None)
        if says is None or not is_of_the_library(says):
            return 0 if says is None else int(says(inputs))
        if self._ops_of_token is None:  # its parameters are counted once
            self._ops_of_token = int(says({self.model.main_input_name: torch.zeros(1)}))
        operations: int = self._ops_of_token * int(self.model.estimate_tokens(inputs))
        return operations

    def store_flos(self: Any) -> None:
        """Add the operations counted since the last call, of all processes, to the state."""
        counted = torch.tensor(self.current_flos, dtype=torch.float64)
        self.state.total_flos += float(self.args.processes.summed(counted))
        self.current_flos = 0.0

    def log(self: Any, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add values to the history, with the epoch and the step, and tell the callbacks.

        Args:
            start_time: when the training began, of `time.time`; adds how fast tokens went since then, where they are counted.
        """
        if start_time is not None and self.args.include_num_input_tokens_seen != "no":
            tokens = self.state.num_input_tokens_seen - self.first_tokens
            logs |= speed_metrics("train", start_time, num_tokens=tokens)
        self.log_at(logs, self.state.global_step)

    def log_at(self: Any, logs: dict[str, Any], step: int, epoch: float | None = None) -> None:
        """The same, for a step, with the epoch there; by default that of the state."""
        epoch = self.state.epoch if epoch is None else epoch
        if epoch is not None:
            logs["epoch"] = epoch
        if self.args.include_num_input_tokens_seen != "no":
            logs["num_input_tokens_seen"] = self.state.num_input_tokens_seen
        self.state.log_history.append({**logs, "step": step})
        if self.is_in_train and "loss" in logs:
            self.pace.mark(self.progress.pace, step, self.pace.tokens * self.args.world_size)
        self.control = self.callback_handler.on_log(self.args, self.state, self.control, logs)

    # Callbacks and processes.

    def add_callback(self: Any, callback: Callback) -> None:
        """Add a callback: an object, or a class."""
        self.callback_handler.add_callback(callback)

    def pop_callback(self: Any, callback: Callback) -> TrainerCallback | None:
        """Take out the first callback of a class, or the object; None where there is none."""
        taken: TrainerCallback | None = self.callback_handler.pop_callback(callback)
        return taken

    def remove_callback(self: Any, callback: Callback) -> None:
        """The same, and nothing is returned."""
        self.callback_handler.remove_callback(callback)

    def stateful_callbacks(self: Any) -> list[ExportableState]:
        """What a checkpoint keeps the state of: callbacks that have one, and the switches."""
        return [each for each in (*self.callback_handler.callbacks, self.control) if isinstance(each, ExportableState)]

    def is_local_process_zero(self: Any) -> bool:
        """Whether this is the first process of its machine."""
        return bool(self.args.processes.is_first(each_machine=True))

    def is_world_process_zero(self: Any) -> bool:
        """Whether this is the first process of all."""
        return bool(self.args.processes.is_first())
