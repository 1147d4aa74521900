"""Whether a product may go straight to its kernel, past torch's dispatcher, which costs more than a small product."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..core.errors import InputError


def is_direct(x: Tensor, bias: Tensor | None) -> bool:
    """Whether nothing records, transforms or differentiates what is computed with `x`: plain tensors on the CPU, no graph."""
    if torch.compiler.is_compiling() or type(x) is not Tensor or not x.is_cpu:
        return False
    if torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad)):
        return False
    if forward_ad._current_level >= 0:
        return False
    if torch._C._len_torch_function_stack() != 0:  # such as the mode in which no sum depends on the batch
        return False
    return torch._C._len_torch_dispatch_stack() == 0 and torch._C._get_tracing_state() is None and not in_transform()


def in_transform() -> bool:
    """Whether a transform of `torch.func` is on."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def check_width(x: Tensor, inputs: int) -> None:
    """Refuse rows that a weight (N, inputs) does not fit.

    Raises:
        InputError: x has no dimension, or its last one is another.
    """
    if x.dim() == 0 or x.shape[-1] != inputs:
        raise InputError(f"the input has the shape {tuple(x.shape)}; expected (..., {inputs}), what the weight takes")
