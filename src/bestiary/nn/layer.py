"""One block of a stack: how it is called, what gradient checkpointing recomputes, and what recording observes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .alias import Alias


class Layer(nn.Module):
    """Base of every repeated block.

    Every block, and every attention inside of one, is called in one order, and takes of the keywords those that it uses:

        layer(x, mask, cache, *, rotary=None, bias=None, memory=None, memory_mask=None)

    x: the hidden states (B, T, D); a block gives the next ones, alone or first in a tuple. mask: the keys that the T queries
    may look at (`nn.masks.Mask`), None for all. cache: what keeps keys and values, or None. rotary: cosines and sines of the
    positions (B or 1, T, K). bias: numbers added to the scores (B or 1, H, T, S). memory: an encoder's states (B, M, D) and
    memory_mask: which of them may be looked at.

    With `recompute` set, training drops the block's inner activations and computes them again in the backward pass
    (Chen et al. 2016); gradients are the same.
    """

    recompute: dict[str, Any] | None = None
    hidden_size = embed_dim = Alias("config.hidden_size")

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether the block is computed again in the backward pass."""
        return self.recompute is not None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.recompute is None or not self.training or not torch.is_grad_enabled():
            return super().__call__(*args, **kwargs)
        forward, count, names = super().__call__, len(args), list(kwargs)

        def run(*inputs: Any) -> Any:
            return forward(*inputs[:count], **dict(zip(names, inputs[count:], strict=True)))

        # Torch's reentrant form gives gradients only to positional tensors, and a memory or a bias wants some.
        return checkpoint(run, *args, *kwargs.values(), **self.recompute)


def skipped(rate: float, training: bool) -> bool:
    """Whether to leave out a layer this time, in training (LayerDrop, Fan et al. 2019)."""
    return training and rate > 0 and float(torch.rand(())) < rate


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
