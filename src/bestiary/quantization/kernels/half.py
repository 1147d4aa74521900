"""Products with weights in 16 bits on a CPU: `HalfLinear`.

torch's own are slower than those in float32 in three cases: few rows (its products reorder the weight, or reach two thirds of
the memory's speed), float16 everywhere, and processors without instructions for 16 bits, where each weight is widened again for
every row (a prompt of 256 tokens took nine times as long under AVX2 as in float32).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .choosing import choose
from .direct import is_direct
from .native import Native, native

_HALVES = (torch.bfloat16, torch.float16)
# Weights that are widened to float32 at a time.
_AT_A_TIME = 1 << 21


class HalfLinear(nn.Linear):
    """`nn.Linear` whose product in bfloat16 or float16 on a CPU is computed by what is fastest on this machine.

    It is made from an `nn.Linear` by changing that one's class, so that the parameters, their names, hooks, and what holds the
    module stay. Whatever else it is asked (another device or dtype, gradients, a graph to be compiled or traced) goes to
    `nn.Linear`, at each call anew: moving the model or changing its dtype needs nothing.
    """

    def forward(self, input: Tensor) -> Tensor:
        """x (..., K) -> (..., N)."""
        weight = self.weight
        if weight.dtype in _HALVES and is_direct(input, self.bias) and input.dtype == weight.dtype and _is_plain(weight):
            kernels = native(weight.numel())
            if kernels is not None:
                return half_linear(input, weight, self.bias, kernels)
        return F.linear(input, weight, self.bias)

    def _get_name(self) -> str:
        return "Linear"


def _is_plain(weight: Tensor) -> bool:
    """Whether the weight is numbers in this computer's memory, row after row, and wants no gradient now."""
    if type(weight) not in (nn.Parameter, Tensor) or not weight.is_cpu or not weight.is_contiguous():
        return False
    return not (weight.requires_grad and torch.is_grad_enabled())


def half_linear(x: Tensor, weight: Tensor, bias: Tensor | None, kernels: Native) -> Tensor:
    """x (..., K) @ weight (N, K).T + bias (N,), all in one dtype of 16 bits, by the kernel chosen for so many rows."""
    inputs = weight.shape[1]
    if x.dim() == 0 or x.shape[-1] != inputs or (bias is not None and bias.dtype != x.dtype):
        return F.linear(x, weight, bias)  # its error
    rows = x.numel() // inputs if inputs else 0
    kernel = choose(str(weight.dtype).removeprefix("torch."), rows, weight.numel()) if rows else "torch"
    if kernel == "vectors":
        return kernels.half_linear(x.contiguous(), weight, bias)
    return widened(x, weight, bias) if kernel == "widened" else F.linear(x, weight, bias)


def widened(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product in float32, some outputs at a time, so that never more than a few MB of the weight are wide."""
    outputs, inputs = weight.shape
    wide, result = x.float(), x.new_empty((*x.shape[:-1], outputs))
    step = max(_AT_A_TIME // max(inputs, 1), 1)
    for first in range(0, outputs, step):
        part = slice(first, first + step)
        result[..., part] = F.linear(wide, weight[part].float(), None if bias is None else bias[part].float())
    return result


def speed_up_halves(model: nn.Module) -> None:
    """Make every `nn.Linear` of a model with a weight in 16 bits a `HalfLinear`."""
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.dtype in _HALVES:
            module.__class__ = HalfLinear
