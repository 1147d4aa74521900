"""`DefaultFlowCallback`: when to log, evaluate, save and stop, as the arguments say."""

from typing import Any

from ..choices import IntervalStrategy, SaveStrategy
from .base import TrainerCallback, TrainerControl, TrainerState


class DefaultFlowCallback(TrainerCallback):
    """Sets the switches after each step and each epoch."""

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """Log, evaluate and save every so many steps, and at the end of the last; stop after it."""
        step = state.global_step
        by_steps = args.logging_strategy == IntervalStrategy.STEPS and step % state.logging_steps == 0
        if by_steps or (step == 1 and args.logging_first_step):
            control.should_log = True
        if args.eval_strategy == IntervalStrategy.STEPS and step % state.eval_steps == 0 and args.eval_delay <= step:
            control.should_evaluate = True
        if args.save_strategy == SaveStrategy.STEPS and state.save_steps > 0 and step % state.save_steps == 0:
            control.should_save = True
        if step >= state.max_steps:
            control.should_training_stop = True
            if args.eval_strategy == IntervalStrategy.STEPS:
                control.should_evaluate = True
            if args.save_strategy == SaveStrategy.STEPS:
                control.should_save = True
        return control

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """Log, evaluate and save at the end of each epoch."""
        if args.logging_strategy == IntervalStrategy.EPOCH:
            control.should_log = True
        if args.eval_strategy == IntervalStrategy.EPOCH and args.eval_delay <= state.epoch:
            control.should_evaluate = True
        if args.save_strategy == SaveStrategy.EPOCH:
            control.should_save = True
        return control
