"""What of Phi-3 is not Llama."""

from torch import Tensor, nn

from ...nn.attention import split_heads
from ..llama.model import LlamaAttention


class Phi3Attention(LlamaAttention):
    """Llama's attention with one projection for queries, keys and values, in this order."""

    def add_projections(self, size: int, heads: int, groups: int, bias: bool) -> None:
        self.widths = heads * self.head_dim, groups * self.head_dim, groups * self.head_dim
        self.qkv_proj = nn.Linear(size, sum(self.widths), bias=bias)

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.widths[0] // self.widths[1]

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of all heads of queries together, and of the states that come in."""
        return self.widths[0], self.qkv_proj.in_features

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = (split_heads(part, self.head_dim) for part in self.qkv_proj(x).split(self.widths, dim=-1))
        return query, key, value
