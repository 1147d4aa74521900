"""What callbacks of a training see and say: its state, the switches they may set, and the events they are called for."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ...core.errors import ArgumentError, CorruptFile
from ...core.files import json_text, read_json, write_text


class ExportableState:
    """Something whose state is saved with a checkpoint and made again from it.

    A subclass defines `state()`: {"args": arguments of its constructor, "attributes": what is set afterwards}, all of JSON.
    """

    def state(self) -> dict[str, Any]:
        """What `from_state` makes the object from.

        Raises:
            ArgumentError: the class does not say.
        """
        raise ArgumentError(f"{type(self).__name__} is to be saved and defines no state()")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The object of a `state()`."""
        instance = cls(**state["args"])
        vars(instance).update(state["attributes"])
        return instance


@dataclass
class TrainerState:
    """How far a training is. A step is one of the optimizer: with gradients of several batches summed, several of these.

    Fields:
        epoch: with the part of it that is done. global_step, max_steps: steps done, and to do.
        logging_steps, eval_steps, save_steps: how often each is done. train_batch_size: rows of a batch on a device.
        num_input_tokens_seen: tokens so far, where they are counted. total_flos: floating point operations so far.
        log_history: what was logged, in order. best_metric, best_global_step, best_model_checkpoint: of the best evaluation.
        is_local_process_zero, is_world_process_zero: whether this is the first process of the machine, and of all.
        is_hyper_param_search, trial_name, trial_params: of a search for hyperparameters.
        stateful_callbacks: name of a class -> its state, or a list of these; made from a list of the callbacks.

    Raises:
        TypeError: a callback in that list has no state.
    """

    epoch: float = 0
    global_step: int = 0
    max_steps: int = 0
    logging_steps: int = 500
    eval_steps: int = 500
    save_steps: int = 500
    train_batch_size: int | None = None
    num_train_epochs: int = 0
    num_input_tokens_seen: int = 0
    total_flos: float = 0
    log_history: list[dict[str, Any]] = None  # type: ignore[assignment]
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    is_local_process_zero: bool = True
    is_world_process_zero: bool = True
    is_hyper_param_search: bool = False
    trial_name: str | None = None
    trial_params: dict[str, str | float | int | bool] | None = None
    stateful_callbacks: Any = None

    def __post_init__(self) -> None:
        self.log_history = [] if self.log_history is None else self.log_history
        if isinstance(self.stateful_callbacks, dict):  # from a file
            return
        states: dict[str, list[dict[str, Any]]] = {}
        for callback in self.stateful_callbacks or ():
            if not isinstance(callback, ExportableState):
                raise ArgumentError(f"{type(callback).__name__} is to be saved; expected a subclass of ExportableState")
            states.setdefault(type(callback).__name__, []).append(callback.state())
        self.stateful_callbacks = {name: each if len(each) > 1 else each[0] for name, each in states.items()}

    def save_to_json(self, json_path: str) -> None:
        """Write all fields to a file."""
        write_text(json_path, json_text(asdict(self), json_path, sort_keys=True))

    @classmethod
    def load_from_json(cls, json_path: str) -> Self:
        """The state that a file holds.

        Raises:
            CorruptFile: it holds something else.
        """
        values = read_json(json_path)
        known = {each.name for each in fields(cls)}
        whole = isinstance(values, dict) and set(values) <= known and isinstance(values.get("global_step"), int)
        if not whole:
            raise CorruptFile(f"{json_path} does not hold the state of a training")
        return cls(**values)

    def init_training_references(self, trainer: Any, max_steps: int, num_train_epochs: int, trial: Any) -> None:
        """Take what is known when a training begins: its length, which process this is, and the trial of a search."""
        if trial is not None:
            self.trial_name = None if trainer.hp_name is None else str(trainer.hp_name(trial))
            self.trial_params = dict(trial if isinstance(trial, dict) else trial.params)
        self.max_steps, self.num_train_epochs = max_steps, num_train_epochs
        self.is_local_process_zero, self.is_world_process_zero = (
            trainer.is_local_process_zero(),
            trainer.is_world_process_zero(),
        )

    def compute_steps(self, args: Any, max_steps: int) -> None:
        """Take `logging_steps`, `eval_steps` and `save_steps` from `args`; one below 1 is a part of `max_steps`."""
        for kind in ("logging", "eval", "save"):
            steps = getattr(args, f"{kind}_steps")
            if steps is not None:
                setattr(self, f"{kind}_steps", math.ceil(max_steps * steps) if steps < 1 else steps)


@dataclass
class TrainerControl(ExportableState):
    """The switches that a callback may set.

    Fields:
        should_training_stop: stays set. should_epoch_stop: until the next epoch.
        should_save, should_evaluate, should_log: until the next step.
    """

    should_training_stop: bool = False
    should_epoch_stop: bool = False
    should_save: bool = False
    should_evaluate: bool = False
    should_log: bool = False

    def _new_training(self) -> None:
        self.should_training_stop = False

    def _new_epoch(self) -> None:
        self.should_epoch_stop = False

    def _new_step(self) -> None:
        self.should_save = self.should_evaluate = self.should_log = False

    def state(self) -> dict[str, Any]:
        """The switches."""
        return {"args": asdict(self), "attributes": {}}


class SeesTrainer:
    """A callback that needs more than events tell: `trainer` is the one that trains, as long as it does."""

    trainer: Any = None


class TrainerCallback:
    """What is called at the events of a training. Each method of this class does nothing.

    A method gets `args` (the arguments of the training), `state` and `control`, and by keyword `model`, `processing_class`,
    `optimizer`, `lr_scheduler`, `train_dataloader`, `eval_dataloader`, and `metrics` or `logs` where there are some. Only
    `control` may be changed; a method that does so returns it.
    """

    def on_init_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When the training is set up."""
        return None

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When it begins."""
        return None

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When it is over."""
        return None

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When an epoch begins."""
        return None

    def on_epoch_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When an epoch is over."""
        return None

    def on_step_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When a step begins: with summed gradients, the first of its batches."""
        return None

    def on_pre_optimizer_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """When gradients are clipped and the optimizer is about to use them."""
        return None

    def on_optimizer_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """When the optimizer has used the gradients, which are still there."""
        return None

    def on_substep_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When a batch of summed gradients is done, not the last."""
        return None

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When a step is over."""
        return None

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When an evaluation is over."""
        return None

    def on_predict(
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> TrainerControl | None:
        """When a prediction is over."""
        return None

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When a checkpoint is written."""
        return None

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When something was logged."""
        return None

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl | None:
        """When a batch of an evaluation or prediction is done."""
        return None

    def on_push_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl | None:
        """When an upload is about to begin."""
        return None
