"""`ProgressCallback`: bars of the steps of a training and of the batches of an evaluation."""

from typing import Any

from tqdm.auto import tqdm

from .base import TrainerCallback, TrainerControl, TrainerState


class ProgressCallback(TrainerCallback):
    """Shows bars, and what is logged above them.

    Args:
        max_str_len: longer texts among what is logged are not shown.
    """

    def __init__(self, max_str_len: int = 100) -> None:
        self.max_str_len = max_str_len
        self.training_bar: Any = None
        self.prediction_bar: Any = None

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Open the bar, at the step from which the training goes on."""
        if state.is_world_process_zero:
            self.training_bar = tqdm(total=state.max_steps, initial=state.global_step, dynamic_ncols=True)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move it."""
        if self.training_bar is not None:
            self.training_bar.update(state.global_step - self.training_bar.n)

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Move the bar of an evaluation whose length is known."""
        if not state.is_world_process_zero or not hasattr(eval_dataloader, "__len__"):
            return
        if self.prediction_bar is None:
            try:
                total = len(eval_dataloader)
            except TypeError:
                return
            self.prediction_bar = tqdm(total=total, leave=self.training_bar is None, dynamic_ncols=True)
        self.prediction_bar.update(1)

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Close it."""
        if self.prediction_bar is not None:
            self.prediction_bar.close()
            self.prediction_bar = None

    def on_predict(self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any) -> None:
        """Close it."""
        self.on_evaluate(args, state, control)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Write the values above the bar, in four digits."""
        if self.training_bar is not None:
            self.training_bar.write(str(short(logs or {}, self.max_str_len)))

    def on_train_failed(
        self, args: Any, state: TrainerState, control: TrainerControl, error: BaseException | None = None, **kwargs: Any
    ) -> None:
        """Close all bars, so that the error begins on a line of its own."""
        self.on_evaluate(args, state, control)
        ProgressCallback.on_train_end(self, args, state, control)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Close the bar."""
        if self.training_bar is not None:
            self.training_bar.close()
            self.training_bar = None


def short(logs: dict[str, Any], longest: int = 100) -> dict[str, str]:
    """Values to be looked at: numbers in four digits, long texts left out, without the count of operations."""
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in logs.items()}
    return {
        name: value if len(value) <= longest else f"(a text of {len(value)} letters)"
        for name, value in shown.items()
        if name != "total_flos"
    }
