"""Building a model without data: every tensor on the meta device, and nothing drawn that has nowhere to go."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_FILLS = {
    getattr(torch.Tensor, name)
    for name in ("normal_", "uniform_", "zero_", "fill_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_")
} | {value for name, value in vars(torch.nn.init).items() if name.endswith("_") and not name.startswith("_")}


class _NoFill(TorchFunctionMode):
    """Filling a tensor on the meta device does nothing; torch would import its compiler to find that out."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FILLS:
            tensor = args[0] if args else kwargs["tensor"]
            if tensor.is_meta:
                return tensor
        return func(*args, **kwargs)


@contextmanager
def skeleton() -> Iterator[None]:
    """Modules made inside have shapes and dtypes and no data."""
    with torch.device("meta"), _NoFill():
        yield
