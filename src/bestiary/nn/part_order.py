"""The order of the parts of a module, by which optimizers number the parameters that they have states of."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


def put_last(module: nn.Module, *names: str) -> None:
    """Move the parts, parameters and buffers `names` behind all others of their kind, in this order, where there are such."""
    for name in names:
        for parts in (module._modules, module._parameters, module._buffers):
            if name in parts:
                parts[name] = parts.pop(name)  # type: ignore[assignment]


@contextmanager
def last(module: nn.Module, *names: str) -> Iterator[None]:
    """The parts `names` stand behind all others while the body runs."""
    before = list(module._modules)
    put_last(module, *names)
    try:
        yield
    finally:
        put_last(module, *before)
