"""One block of a stack: how it is called, what gradient checkpointing recomputes, and what recording observes."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.graph import save_on_cpu
from torch.utils.checkpoint import checkpoint

from ..core.outputs import BaseModelOutput, ModelOutput
from .alias import Alias
from .attention_keywords import attention_keywords, with_attention_keywords
from .block import Block


class Layer(Block):
    """Base of every repeated block; how it is called stands in `nn/block.py`.

    With `recompute` set, training drops the block's inner activations and computes them again in the backward pass
    (Chen et al. 2016); gradients are the same. With `offloads` what is kept for that, the block's inputs, waits in the memory
    of the host.
    """

    recompute: dict[str, Any] | None = None
    offloads = False
    hidden_size = embed_dim = Alias("config.hidden_size")

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether the block is computed again in the backward pass."""
        return self.recompute is not None

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value: bool) -> None:
        self.recompute = (self.recompute or {"use_reentrant": False}) if value else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.recompute is None or not self.training or not torch.is_grad_enabled():
            return super().__call__(*args, **kwargs)
        forward, count, names, keywords = super().__call__, len(args), list(kwargs), attention_keywords()

        def run(*inputs: Any) -> Any:
            with nullcontext() if keywords is None else with_attention_keywords(keywords):
                return forward(*inputs[:count], **dict(zip(names, inputs[count:], strict=True)))

        # Torch's reentrant form gives gradients only to positional tensors, and a memory or a bias wants some.
        with save_on_cpu(pin_memory=torch.cuda.is_available()) if self.offloads else nullcontext():
            return checkpoint(run, *args, *kwargs.values(), **self.recompute)


class LayerStack(Block):
    """Base of what holds a list of blocks and calls one after another; published models get its states in an output."""

    wraps: ClassVar[type[ModelOutput] | None] = BaseModelOutput

    def takes(self) -> set[str]:
        return super().takes() | next(each for each in self.modules() if isinstance(each, Layer)).takes()


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
