"""One block of a stack: what gradient checkpointing recomputes and what recording of hidden states observes."""

from functools import partial
from typing import Any

import torch
from torch import nn
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
