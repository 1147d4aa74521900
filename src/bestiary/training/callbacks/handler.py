"""`CallbackHandler`: calls the callbacks of a training in their order."""

from collections.abc import Sequence
from typing import Any

from ...core.errors import ArgumentError
from ...core.logging import warn_once
from .base import TrainerCallback, TrainerControl, TrainerState
from .flow import DefaultFlowCallback
from .reporter import Reporter

Callback = TrainerCallback | type[TrainerCallback]


class CallbackHandler(TrainerCallback):
    """The callbacks, and what they get by keyword. Each event is a method that calls all of them and returns the switches."""

    def __init__(
        self, callbacks: Sequence[Callback], model: Any, processing_class: Any, optimizer: Any, lr_scheduler: Any
    ) -> None:
        self.callbacks: list[TrainerCallback] = []
        for callback in callbacks:
            self.add_callback(callback)
        self.model, self.processing_class, self.optimizer, self.lr_scheduler = model, processing_class, optimizer, lr_scheduler
        self.train_dataloader: Any = None
        self.eval_dataloader: Any = None
        if not any(isinstance(each, DefaultFlowCallback) for each in self.callbacks):
            warn_once("no-flow", "without DefaultFlowCallback nothing decides when to log, evaluate and save; add it")

    @property
    def callback_list(self) -> str:
        """The names of the callbacks' classes, one a line."""
        return "\n".join(type(each).__name__ for each in self.callbacks)

    def add_callback(self, callback: Callback) -> None:
        """Add an object, or one of a class.

        Raises:
            ArgumentError: something else than a `TrainerCallback`.
        """
        each = callback() if isinstance(callback, type) else callback
        if not isinstance(each, TrainerCallback):
            raise ArgumentError(f"a callback derives from TrainerCallback; found {type(each).__name__}")
        if any(type(other) is type(each) for other in self.callbacks):
            warn_once("two-callbacks", f"there are two callbacks of the class {type(each).__name__}", type(each).__name__)
        self.callbacks.append(each)

    def pop_callback(self, callback: Callback) -> TrainerCallback | None:
        """Take out the first of a class or of one that derives from it, or an object itself; None where there is none."""
        for each in self.callbacks:
            if isinstance(each, callback) if isinstance(callback, type) else each is callback:
                self.callbacks.remove(each)
                return each
        return None

    def remove_callback(self, callback: Callback) -> None:
        """The same, and nothing is returned."""
        self.pop_callback(callback)

    def call_event(self, event: str, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """Call the method `event` of every callback; one that returns switches replaces them."""
        for callback in self.callbacks:
            try:
                answer = getattr(callback, event)(
                    args,
                    state,
                    control,
                    model=self.model,
                    processing_class=self.processing_class,
                    optimizer=self.optimizer,
                    lr_scheduler=self.lr_scheduler,
                    train_dataloader=self.train_dataloader,
                    eval_dataloader=self.eval_dataloader,
                    **kwargs,
                )
            except Exception as error:
                if not (isinstance(callback, Reporter) and callback.forgives(event, error, state)):
                    raise
                continue
            if answer is not None:
                if not isinstance(answer, TrainerControl):
                    what, kind = f"{type(callback).__name__}.{event}", type(answer).__name__
                    raise ArgumentError(f"{what} returned a {kind}; expected the control it was given, or nothing")
                control = answer
        return control

    def on_init_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When the training is set up."""
        return self.call_event("on_init_end", args, state, control)

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When it begins; it is not to stop."""
        control._new_training()
        return self.call_event("on_train_begin", args, state, control)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When it is over."""
        return self.call_event("on_train_end", args, state, control)

    def on_train_failed(self, args: Any, state: TrainerState, control: TrainerControl, error: BaseException) -> None:
        """When it ends by an error, also by Ctrl-C: callbacks that have a method of this name are told."""
        for callback in self.callbacks:
            told = getattr(callback, "on_train_failed", None)
            if told is not None:
                told(args, state, control, error=error)

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When an epoch begins; it is not to stop."""
        control._new_epoch()
        return self.call_event("on_epoch_begin", args, state, control)

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When an epoch is over."""
        return self.call_event("on_epoch_end", args, state, control)

    def on_step_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When a step begins; nothing is to be done after it yet."""
        control._new_step()
        return self.call_event("on_step_begin", args, state, control)

    def on_pre_optimizer_step(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When the optimizer is about to use the gradients."""
        return self.call_event("on_pre_optimizer_step", args, state, control)

    def on_optimizer_step(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When it has used them."""
        return self.call_event("on_optimizer_step", args, state, control)

    def on_substep_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When a batch of a step is done, not the last."""
        return self.call_event("on_substep_end", args, state, control)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When a step is over."""
        return self.call_event("on_step_end", args, state, control)

    def on_evaluate(  # type: ignore[override]
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> TrainerControl:
        """When an evaluation is over."""
        control.should_evaluate = False
        return self.call_event("on_evaluate", args, state, control, metrics=metrics)

    def on_predict(
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> TrainerControl:
        """When a prediction is over."""
        return self.call_event("on_predict", args, state, control, metrics=metrics)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When a checkpoint is written."""
        control.should_save = False
        return self.call_event("on_save", args, state, control)

    def on_log(  # type: ignore[override]
        self, args: Any, state: TrainerState, control: TrainerControl, logs: Any, **kwargs: Any
    ) -> TrainerControl:
        """When something was logged."""
        control.should_log = False
        return self.call_event("on_log", args, state, control, logs=logs)

    def on_prediction_step(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When a batch of an evaluation or prediction is done."""
        return self.call_event("on_prediction_step", args, state, control)

    def on_push_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """When an upload is about to begin."""
        return self.call_event("on_push_begin", args, state, control, **kwargs)
