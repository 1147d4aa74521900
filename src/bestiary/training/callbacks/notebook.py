"""`NotebookProgressCallback`: a bar and a table of metrics below the cell of a notebook that trains."""

import sys
from typing import Any

from ..choices import IntervalStrategy
from .base import TrainerCallback, TrainerControl, TrainerState
from .notebook_bars import NotebookProgressBar, NotebookTrainingTracker, show_table

# What is told of an evaluation besides its metrics.
_ASIDE = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and (type(shell).__name__ == "ZMQInteractiveShell" or "IPKernelApp" in (shell.config or ()))


class NotebookProgressCallback(TrainerCallback):
    """Shows how far a training is, and its losses and metrics in a table that grows.

    Fields:
        training_tracker: bar and table of the training that runs. prediction_bar: of an evaluation or prediction.
    """

    def __init__(self) -> None:
        self.training_tracker: NotebookTrainingTracker | None = None
        self.prediction_bar: NotebookProgressBar | None = None
        self.first_column = "Step"
        self._force_next_update = False

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Show the bar and a table without rows."""
        if not state.is_world_process_zero:
            return
        self.first_column = "Epoch" if args.eval_strategy == IntervalStrategy.EPOCH else "Step"
        names = [self.first_column, "Training Loss"]
        if args.eval_strategy != IntervalStrategy.NO:
            names.append("Validation Loss")
        self.training_tracker = NotebookTrainingTracker(state.max_steps, names)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        if self.training_tracker is None:
            return
        epoch = state.epoch or 0
        shown = str(int(epoch)) if epoch == int(epoch) else f"{epoch:.2f}"
        self.training_tracker.update(
            state.global_step, force_update=self._force_next_update, comment=f"Epoch {shown}/{state.num_train_epochs}"
        )
        self._force_next_update = False

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Move the bar of an evaluation whose length is known."""
        if not state.is_world_process_zero:
            return
        if self.prediction_bar is None:
            try:
                total = len(eval_dataloader)
            except TypeError:
                return
            tracker = self.training_tracker
            self.prediction_bar = NotebookProgressBar(total) if tracker is None else tracker.add_child(total)
            self.prediction_bar.update(1)
        else:
            self.prediction_bar.update(self.prediction_bar.value + 1)

    def on_predict(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any) -> None:
        """Close it."""
        if self.prediction_bar is not None:
            self.prediction_bar.close()
        self.prediction_bar = None

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """A row for each loss, where there are no evaluations, which get one each."""
        if args.eval_strategy == IntervalStrategy.NO and self.training_tracker is not None and "loss" in (logs or {}):
            self.training_tracker.write_line({self.first_column: state.global_step, "Training Loss": (logs or {})["loss"]})

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """A row of its metrics."""
        self.on_predict(args, state, control)
        if not state.is_world_process_zero:
            return
        loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), "No log")
        place = int(state.epoch or 0) if self.first_column == "Epoch" else state.global_step
        values = {self.first_column: place, "Training Loss": loss, "Validation Loss": "No log"} | _named(metrics or {})
        if self.training_tracker is None:
            show_table([list(values), list(values.values())])
            return
        self.training_tracker.write_line(values)
        self.training_tracker.remove_child()
        self._force_next_update = True

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Show the end."""
        if self.training_tracker is not None:
            epochs = f"{state.epoch or 0:g}"
            self.training_tracker.update(
                state.global_step, force_update=True, comment=f"Epoch {epochs}/{state.num_train_epochs}"
            )
        self.training_tracker = None

    def on_train_failed(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The same, as far as it came."""
        self.on_predict(args, state, control)
        self.on_train_end(args, state, control)


def _named(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics under the names of columns: eval_loss is Validation Loss, eval_f1_score F1 Score."""
    begins = {name.removesuffix("_loss") for name in metrics if name.endswith("_loss")} or {"eval"}
    aside = {"epoch", "total_flos", "num_input_tokens_seen", *(f"{begin}_{name}" for begin in begins for name in _ASIDE)}
    named = {}
    for name, value in metrics.items():
        if name not in aside:
            words = name.split("_")[1:] or [name]
            named["Validation Loss" if name == "eval_loss" else " ".join(word.capitalize() for word in words)] = value
    return named
