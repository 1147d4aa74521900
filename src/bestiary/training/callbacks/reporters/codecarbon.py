"""CodeCarbon: how much CO2 a training emits, in `emissions.csv`."""

import os
from typing import Any

from ..base import TrainerControl, TrainerState
from ..reporter import Reporter

PACKAGES = ("codecarbon",)


class CodeCarbonCallback(Reporter):
    """Measures what a training emits; each one adds a row to `emissions.csv` in the output folder."""

    package = "codecarbon"

    def __init__(self) -> None:
        super().__init__()
        self._codecarbon = self.tool()
        self.tracker: Any = None

    def on_init_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Make the tracker, in the first process of each machine."""
        if self.tracker is None and state.is_local_process_zero:
            os.makedirs(args.output_dir, exist_ok=True)  # the tracker wants it at once
            self.tracker = self._codecarbon.EmissionsTracker(output_dir=args.output_dir)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Begin to measure."""
        if self.tracker is not None:
            self.tracker.start()

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the row."""
        if self.tracker is not None:
            self.tracker.stop()


CALLBACK = CodeCarbonCallback
