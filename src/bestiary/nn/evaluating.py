"""A model without dropout for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from torch import nn


class Evaluable(Protocol):
    """What has parts that can be in training."""

    def modules(self) -> Iterator[nn.Module]: ...


# Models that are being run: by how many, and which of their modules were in training before.
_evaluated: dict[Evaluable, tuple[int, list[nn.Module]]] = {}
_modes = threading.Lock()


@contextmanager
def evaluating(model: Evaluable) -> Iterator[None]:
    """`model` without dropout while the body runs; when nobody runs it any more, its modules are in their modes again."""
    with _modes:
        users, training = _evaluated.get(model) or (0, [module for module in model.modules() if module.training])
        _evaluated[model] = users + 1, training
        for module in training:
            module.training = False
    try:
        yield
    finally:
        with _modes:
            users, training = _evaluated.pop(model)
            if users > 1:
                _evaluated[model] = users - 1, training
            else:
                for module in training:
                    module.training = True
