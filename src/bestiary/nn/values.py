"""Looking at the numbers in a tensor, but only where that costs nothing: never on an accelerator, which would have to be
waited for, and never where there are no numbers yet (meta and fake tensors, tracing, compiling, `vmap`)."""

import torch
from torch import Tensor


def may_look(tensor: Tensor) -> bool:
    """Whether the numbers are at hand; under `vmap` they are not, which shows only when they are asked for."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling() and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]


def extremes(tensor: Tensor) -> tuple[float, float] | None:
    """The smallest and the largest number; None where they are not at hand or there are none."""
    if not may_look(tensor) or not tensor.numel():
        return None
    try:
        low, high = tensor.aminmax()
        return low.item(), high.item()
    except RuntimeError:  # vmap, fake tensors
        return None


def is_true(condition: Tensor) -> bool:
    """Whether a 0-dimensional boolean is known to be true."""
    if not may_look(condition):
        return False
    try:
        return bool(condition)
    except RuntimeError:  # vmap, fake tensors
        return False
