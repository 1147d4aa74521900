"""Products of states with the weights of experts, of one or of all at once."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

_grouped_mm: Any = getattr(torch.nn.functional, "grouped_mm", None)  # torch 2.10
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def product(x: Tensor, weights: Any, experts: int | Tensor, bias: Tensor | None = None) -> Tensor:
    """x W' (N, O) of states (N, I), with `weights` (E, O, I), a tensor or a `quantized_stack.QuantizedStack`.

    Args:
        bias: (O,), of one expert.
        experts: the number of the one expert of all states; or, where these stand sorted by expert, the ends (E,), int32, of
            those of each.
    """
    if not isinstance(weights, Tensor):
        result: Tensor = weights.product(x, experts, bias)
        return result
    if isinstance(experts, int):
        return linear(x, weights[experts], bias)
    output: Tensor = _grouped_mm(x, weights.mT, offs=experts)
    return output


def fits(x: Tensor, *weights: Tensor) -> bool:
    """Whether torch computes all experts at once: on the CPU, of one dtype, and rows of all of them begin every 16 bytes."""
    if _grouped_mm is None or not x.is_cpu or x.dtype not in _DTYPES or torch.is_autocast_enabled("cpu"):
        return False
    # Of parameters without contents, whose memory is forecast, the type is another.
    usual = all(type(each) is torch.nn.Parameter or hasattr(each, "fake_mode") for each in weights)
    plain = bool(weights) and usual and all(each.dtype == x.dtype for each in weights)
    return plain and all(size * x.element_size() % 16 == 0 for each in weights for size in each.shape[1:])
