"""Products with weights in 16 bits on a CPU: `HalfLinear`.

torch's own are slower than those in float32 in three cases: few rows (its products reorder the weight, or reach two thirds of
the memory's speed), float16 everywhere, and processors without instructions for 16 bits, where each weight is widened again for
every row (a prompt of 256 tokens took nine times as long under AVX2 as in float32).
"""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .choosing import choose
from .direct import is_direct
from .measuring import INPUTS, OUTPUTS, Kind, Product
from .native import WORTH_COMPILING, native

_HALVES = (torch.bfloat16, torch.float16)
# Models of fewer parameters are left to torch: compiling takes longer than a user would wait for it.
WORTH_IT = 1 << 24
# Weights that are widened to float32 at a time.
_AT_A_TIME = 1 << 21


class HalfLinear(nn.Linear):
    """`nn.Linear` whose product in bfloat16 or float16 on a CPU is computed by what is fastest on this machine.

    It is made from an `nn.Linear` by changing that one's class, so that the parameters, their names, hooks, and what holds the
    module stay. Whatever else it is asked (another device or dtype, gradients, a graph to be compiled or traced) goes to
    `nn.Linear`, at each call anew: moving the model or changing its dtype needs nothing.
    """

    is_plain_product = True  # a layer in few bits may stand in its place

    def forward(self, input: Tensor) -> Tensor:
        """x (..., K) -> (..., N)."""
        weight = self.weight
        if weight.dtype in _HALVES and is_direct(input, self.bias) and input.dtype == weight.dtype and _is_plain(weight):
            return half_linear(input, weight, self.bias)
        return F.linear(input, weight, self.bias)

    def _get_name(self) -> str:
        return "Linear"


def _is_plain(weight: Tensor) -> bool:
    """Whether the weight is numbers in this computer's memory, row after row, and wants no gradient now."""
    if type(weight) not in (nn.Parameter, Tensor) or not weight.is_cpu or not weight.is_contiguous():
        return False
    return not (weight.requires_grad and torch.is_grad_enabled())


def half_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x (..., K) @ weight (N, K).T + bias (N,), all in one dtype of 16 bits, by the kernel chosen for so many rows."""
    weights, inputs = weight.numel(), weight.shape[1]
    fits = x.dim() > 0 and x.shape[-1] == inputs and (bias is None or bias.dtype == x.dtype)
    if weights < WORTH_COMPILING or not fits or not x.numel():
        return F.linear(x, weight, bias)  # with its errors
    return _BY[choose(KINDS[x.dtype], x.numel() // inputs, weights)](x, weight, bias)


def widened(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product in float32, some outputs at a time, so that never more than a few MB of the weight are wide."""
    outputs, inputs = weight.shape
    wide, result = x.float(), x.new_empty((*x.shape[:-1], outputs))
    step = max(_AT_A_TIME // max(inputs, 1), 1)
    for first in range(0, outputs, step):
        part = slice(first, first + step)
        result[..., part] = F.linear(wide, weight[part].float(), None if bias is None else bias[part].float())
    return result


def _by_vectors(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    kernels = native(weight.numel())
    return F.linear(x, weight, bias) if kernels is None else kernels.half_linear(x.contiguous(), weight, bias)


_BY: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "vectors": _by_vectors,
    "torch": F.linear,
    "widened": widened,
}


def _product(by: Callable[[Tensor, Tensor, Tensor | None], Tensor], weight: Tensor, x: Tensor) -> Tensor:
    return by(x, weight, None)


def _example(dtype: torch.dtype, kernels: Iterable[str]) -> dict[str, Product]:
    weight = torch.ones(OUTPUTS, INPUTS, dtype=dtype)
    return {name: partial(_product, _BY[name], weight) for name in kernels}


KINDS = {dtype: Kind(str(dtype).removeprefix("torch."), dtype, 16, tuple(_BY), partial(_example, dtype)) for dtype in _HALVES}


def speed_up_halves(model: nn.Module) -> None:
    """Make every `nn.Linear` of a model with a weight in 16 bits a `HalfLinear`, if it is not a small model."""
    if sum(each.numel() for each in model.parameters()) < WORTH_IT:
        return
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.dtype in _HALVES:
            module.__class__ = HalfLinear
