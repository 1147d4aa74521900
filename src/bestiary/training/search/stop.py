"""`StopAt`: a training that pauses where it can go on."""

import math
from typing import Any

from ..callbacks.base import TrainerCallback, TrainerControl, TrainerState


class StopAt(TrainerCallback):
    """Ends a training after a part of its steps, when it has saved itself; nothing else of it is changed.

    Args:
        part: of all steps, up to 1, where it does nothing.

    Fields:
        paused: whether it ended a training. step: after which.
    """

    def __init__(self, part: float) -> None:
        self.part, self.paused, self.step = part, False, 0

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """End, unless it is the end anyway."""
        self.step = math.ceil(self.part * state.max_steps)
        if self.step <= state.global_step < state.max_steps:
            self.paused = control.should_training_stop = control.should_save = True
        return control

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """What is done at the end of an epoch is done when the training goes on."""
        if self.paused:
            control.should_save = control.should_evaluate = control.should_log = False
        return control
