"""Building a model without data: every tensor on the meta device, and nothing drawn that has nowhere to go."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import register_module_parameter_registration_hook
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


@contextmanager
def skeleton_with_buffers() -> Iterator[None]:
    """Modules made inside have parameters without data; their buffers, which no file may hold, are computed."""
    thread = threading.get_ident()

    def without_data(module: torch.nn.Module, name: str, parameter: torch.nn.Parameter | None) -> torch.nn.Parameter | None:
        if parameter is None or parameter.is_meta or threading.get_ident() != thread:
            return None
        return torch.nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)

    hook = register_module_parameter_registration_hook(without_data)  # type: ignore[arg-type] # it may give another one
    try:
        with _NoFill():
            yield
    finally:
        hook.remove()
