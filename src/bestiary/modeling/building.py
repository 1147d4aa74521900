"""A model is finished once, when the outermost of a nest is built; weights that a checkpoint fills are not drawn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import Signature, signature
from typing import TYPE_CHECKING, Any

from ..nn.part_order import put_last


class _Building(threading.local):
    """The state of the models that this thread is building.

    Attributes:
        depth: how many constructors of models are running, one inside another.
        initialise: whether a finished model draws its starting weights.
    """

    depth: int = 0
    initialise: bool = True


_building = _Building()


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Models built inside leave their weights as they are, because a checkpoint will fill them.

    They are no part of a model whose constructor is running, so that one opened there is finished, and keeps its weights.
    """
    before = _building.depth, _building.initialise
    _building.depth, _building.initialise = 0, False
    try:
        yield
    finally:
        _building.depth, _building.initialise = before


def building() -> bool:
    """Whether the constructor of a model is running in this thread."""
    return _building.depth > 0


def initialising() -> bool:
    """Whether a model that is finished now draws its starting weights."""
    return _building.initialise


class FinishedOnce(type):
    """Puts the parts of a model in order, and calls `post_init` once, when the outermost model of a nest is complete."""

    if not TYPE_CHECKING:  # a checker would take this signature for that of every constructor

        @property
        def __signature__(cls) -> Signature:
            parameters = list(signature(cls.__init__).parameters.values())
            return Signature(parameters[1:])

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            _building.depth += 1
            try:
                model = super().__call__(*args, **kwargs)
                put_last(model, *model.last_parts)
            finally:
                _building.depth -= 1
            if _building.depth == 0:
                model.post_init()
            return model
