"""A model whose weights lie elsewhere while they are not used, as hooks that bring them from a disk do it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def weights_only_inside(model: nn.Module) -> Iterator[None]:
    """Outside of a module's own forward its parameters and stored buffers are NaN, as if they lay elsewhere."""
    handles, replaced = [], []
    for module in model.modules():
        stored = {name: buffer for name, buffer in module._buffers.items() if name not in module._non_persistent_buffers_set}
        for home, tensors in ((module._parameters, dict(module._parameters)), (module._buffers, stored)):
            real = {name: tensor for name, tensor in tensors.items() if tensor is not None and tensor.is_floating_point()}
            gone: dict[str, Any] = {name: torch.full_like(tensor, torch.nan) for name, tensor in real.items()}
            if home is module._parameters:
                gone = {name: nn.Parameter(tensor, real[name].requires_grad) for name, tensor in gone.items()}
            if real:
                replaced.append((home, real))
                home.update(gone)
                handles.append(module.register_forward_pre_hook(_puts(home, real)))
                handles.append(module.register_forward_hook(_puts(home, gone), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for home, real in replaced:
            home.update(real)


def _puts(home: dict[str, Any], tensors: dict[str, Any]) -> Any:
    return lambda *_: home.update(tensors)
