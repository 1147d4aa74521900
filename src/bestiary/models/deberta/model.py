"""The attention of DeBERTa; all other modules are those of DeBERTa v2. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...nn.attention import split_heads
from ...nn.init import Starting, constant
from ..deberta_v2.model import DebertaV2SelfAttention


class DebertaSelfAttention(DebertaV2SelfAttention, Starting):
    """Attention whose queries, keys and values come from one matrix, head by head; keys have no bias."""

    query_name = "in_proj"
    starts = {"q_bias": constant(0), "v_bias": constant(0)}

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of all heads together, and of the states that come in."""
        width, size = super().sizes
        return width // 3, size

    def add_projections(self, config: Any, size: int) -> None:
        self.in_proj = nn.Linear(size, 3 * size, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))
        self.pos_proj = self.pos_q_proj = None
        if config.relative_attention:
            self.pos_proj = nn.Linear(size, size, bias=False) if "c2p" in self.parts else None
            self.pos_q_proj = nn.Linear(size, size) if "p2c" in self.parts else None

    def count_parts(self) -> int:
        return len(self.parts)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = split_heads(self.in_proj(x), 3 * self.head_dim).chunk(3, dim=-1)
        heads = (-1, 1, self.head_dim)
        return query + self.q_bias.view(heads), key, value + self.v_bias.view(heads)

    def project_distances(self, table: Tensor) -> tuple[Tensor | None, Tensor | None]:
        layers = (self.pos_proj, self.pos_q_proj)
        key, query = (None if layer is None else split_heads(layer(table), self.head_dim) for layer in layers)
        return key, query
