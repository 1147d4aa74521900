"""Attention whose queries, keys and values are made of different states."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from .attention import Attend, HasHeads, merge_heads, split_heads
from .init import Starting, constant
from .kernels import default_scaling
from .masks import Mask


class QueryAttention(HasHeads):
    """Attention with its projections, of width `size` in `heads`; `dropout` is its rate, `cross` as in `Attend`."""

    def __init__(self, size: int, heads: int, dropout: float, cross: bool = False) -> None:
        super().__init__()
        self.head_dim = size // heads
        self.k_proj, self.v_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.q_proj, self.out_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), dropout, cross=cross)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask | None) -> Tensor:
        """Queries (B, T, D), keys and values (B, S, D) -> (B, T, D)."""
        projected = (self.q_proj(query), self.k_proj(key), self.v_proj(value))
        output: Tensor = self.out_proj(merge_heads(self.attend(*(split_heads(x, self.head_dim) for x in projected), mask)))
        return output


class FusedQueryAttention(HasHeads, Starting):
    """The same, its three projections in one matrix, `in_proj_weight` (3 * D, D), as `torch.nn.MultiheadAttention` has them."""

    def __init__(self, size: int, heads: int, dropout: float, cross: bool = False) -> None:
        super().__init__()
        self.head_dim = size // heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * size, size))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * size))
        self.out_proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), dropout, cross=cross)
        self.starts = {"in_proj_weight": nn.init.xavier_uniform_, "in_proj_bias": constant(0.0)}

    @property
    def sizes(self) -> tuple[int, int]:
        return self.out_proj.in_features, self.out_proj.out_features

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask | None) -> Tensor:
        """Queries (B, T, D), keys and values (B, S, D) -> (B, T, D)."""
        weights = zip((query, key, value), self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3), strict=True)
        heads = [split_heads(linear(x, weight, bias), self.head_dim) for x, weight, bias in weights]
        output: Tensor = self.out_proj(merge_heads(self.attend(*heads, mask)))
        return output
