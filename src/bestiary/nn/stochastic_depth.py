"""Stochastic depth: in training, whole branches are left out, image by image (Huang et al. 2016, "Deep networks with
stochastic depth")."""

import torch
from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """The output of a branch (B, ...), in training for some rows zero, and for the others as much larger as keeps the mean.

    drop_prob: the share of rows that are left out.
    """

    def __init__(self, drop_prob: float = 0.0) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, hidden_states: Tensor) -> Tensor:
        """The same shape."""
        if not self.training or self.drop_prob == 0:
            return hidden_states
        kept, rows = 1 - self.drop_prob, (len(hidden_states),) + (1,) * (hidden_states.dim() - 1)
        draws = torch.rand(rows, dtype=hidden_states.dtype, device=hidden_states.device)
        return hidden_states.div(kept) * (kept + draws).floor()

    def extra_repr(self) -> str:
        return f"drop_prob={self.drop_prob:.4g}"


def rising_rates(last: float, count: int) -> list[float]:
    """The rate of each of `count` layers: from 0 for the first to `last`, in equal steps."""
    return [last * place / max(count - 1, 1) for place in range(count)]
