"""`PrinterCallback`: a line for each log."""

from typing import Any

from .base import TrainerCallback, TrainerControl, TrainerState
from .progress import short


class PrinterCallback(TrainerCallback):
    """Prints what is logged, where there is no bar."""

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Print the values, in four digits."""
        if state.is_local_process_zero:
            print(short(logs or {}), flush=True)  # noqa: T201 (this is what it is for)
