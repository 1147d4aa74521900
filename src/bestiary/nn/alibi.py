"""Attention with linear biases (Press et al. 2022, ALiBi): scores grow with the position of the key, by a slope for each head.

Softmax does not see what all keys of a query have in common, so this equals a penalty on the distance to the key.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .masks import Mask


def slopes(heads: int) -> tuple[float, ...]:
    """The slope of each head: 2^(-8/n), 2^(-16/n), ... for the largest power of two n; further heads lie between these."""
    power = 2 ** math.floor(math.log2(heads))
    steps = [8 * step / power for step in range(1, power + 1)]
    steps += [4 * step / power for step in range(1, 2 * (heads - power), 2)]
    return tuple(2.0**-step for step in steps)


@dataclass(frozen=True)
class Alibi:
    """What is added to scores.

    Attributes:
        slopes: (H,), in the dtype in which they are multiplied with positions. factor: the product is multiplied by this.
    """

    slopes: Tensor
    factor: float = 1.0

    def bias(self, positions: Tensor, dtype: torch.dtype) -> Tensor:
        """Positions (B or 1, S) of keys -> (B or 1, H, 1, S)."""
        products = (self.slopes[:, None] * positions[:, None]).to(dtype).unsqueeze(2)
        return products if self.factor == 1.0 else products * self.factor


def with_alibi(mask: Mask, alibi: Alibi, dtype: torch.dtype) -> Mask:
    """The same mask, and `alibi` is added to scores; the keys that are no padding are counted."""
    if mask.kernel is not None:  # which knows the places of keys
        return replace(mask, alibi=alibi, _cached=None)
    if mask.packed is not None:
        positions = mask.packed.places
    elif mask.padding is None:
        positions = torch.arange(mask.keys, device=mask.device).unsqueeze(0)
    else:
        positions = (mask.padding.cumsum(-1) - 1) * mask.padding
    bias = alibi.bias(positions, dtype)
    return replace(mask, additive=bias if mask.additive is None else mask.additive + bias, _cached=None)


def with_slopes(mask: Tensor | None, alibi: Tensor, x: Tensor) -> Tensor:
    """A mask (B, 1, T, S) of states `x` (B, T, D) and published numbers (B*H, 1, S) in one, added to scores: (B, H, T, S).

    The mask is booleans, True at what may be looked at, or numbers.
    """
    bias = alibi.view(len(x), -1, *alibi.shape[-2:])
    if mask is None:
        return bias.expand(-1, -1, x.shape[1], -1)
    if mask.dtype == torch.bool:
        return bias.expand(-1, -1, x.shape[1], -1).masked_fill(~mask, torch.finfo(x.dtype).min)
    return bias + mask
