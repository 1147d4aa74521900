"""One block of a stack: what gradient checkpointing recomputes and what recording of hidden states observes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Layer(nn.Module):
    """Base of every repeated block. Its first positional argument and its (first) result are the hidden states.

    With `recompute` set, training drops the block's inner activations and computes them again in the backward pass
    (Chen et al. 2016); gradients are the same.
    """

    recompute: dict[str, Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.recompute is None or not self.training or not torch.is_grad_enabled():
            return super().__call__(*args, **kwargs)
        return checkpoint(partial(super().__call__, **kwargs), *args, **self.recompute)


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """`function` of (B, T, D), `size` positions at a time (0: all at once), which holds fewer inner activations at once.

    Right for a function that treats every position alone, such as the MLP of a block (Kitaev et al. 2020, Reformer).
    """
    if size <= 0 or size >= x.shape[1]:
        return function(x)
    return torch.cat([function(part) for part in x.split(size, dim=1)], dim=1)


def within_half(x: Tensor) -> Tensor:
    """States kept 1000 away from the largest number where they are fp16, which those of large models would exceed."""
    if x.dtype != torch.float16:
        return x
    limit = torch.finfo(x.dtype).max - 1000
    return x.clamp(-limit, limit)
