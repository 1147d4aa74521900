"""`as_before`: a trainer that is, after a block, what it was before it."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

_MISSING = object()


@contextmanager
def as_before(trainer: Any) -> Iterator[None]:
    """Put back what a training changes: model, optimizer, arguments, state, switches, callbacks.

    What a subclass keeps on the trainer beside these stays as the block left it.
    """
    handler, args = trainer.callback_handler, trainer.args
    trainer_before = {name: value for name, value in vars(trainer).items() if name in trainer._own_names}
    control = copy(trainer.control)
    args_before, handler_before, callbacks = dict(vars(args)), dict(vars(handler)), list(handler.callbacks)
    try:
        yield
    finally:
        for name in trainer._own_names:
            value = trainer_before.get(name, _MISSING)
            if value is not _MISSING:
                setattr(trainer, name, value)
            elif name in vars(trainer):
                delattr(trainer, name)
        trainer.control = control
        _become(args, args_before)
        _become(handler, handler_before)
        handler.callbacks[:] = callbacks


def _become(thing: Any, before: dict[str, Any]) -> None:
    vars(thing).clear()
    vars(thing).update(before)


def copy_for_thread(trainer: Any) -> Any:
    """A trainer with the same data, functions and callbacks, and with arguments, state and switches of its own."""
    twin = copy(trainer)
    for name in ("args", "callback_handler", "control", "state", "progress"):
        setattr(twin, name, copy(getattr(trainer, name)))
    twin.callback_handler.callbacks = list(trainer.callback_handler.callbacks)
    twin.listener = type(trainer.listener)()
    return twin


def copy_for_worker(trainer: Any) -> Any:
    """The same without a model, so that it can be sent to another process, which makes its own."""
    twin = copy_for_thread(trainer)
    vars(twin).pop("accelerator", None)
    for name in ("model", "model_wrapped", "optimizer", "lr_scheduler"):
        setattr(twin, name, None)
    for name in ("model", "optimizer", "lr_scheduler", "train_dataloader", "eval_dataloader"):
        setattr(twin.callback_handler, name, None)
    return twin
