"""What of Phi-3 is not Llama."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...modeling.decoder_config import DecoderConfig
from ...nn.part import part
from ...nn.part_order import put_last
from ..llama.model import LlamaAttention


class Phi3Attention(LlamaAttention):
    """Llama's attention with one projection for queries, keys and values, in this order.

    Class attributes, for relatives:
        fused_name: the published name of the projection.
    """

    fused_name: ClassVar[str] = "qkv_proj"

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        put_last(self, self.fused_name)

    def add_projections(self, size: int, heads: int, groups: int, bias: bool) -> None:
        self.widths = heads * self.head_dim, groups * self.head_dim, groups * self.head_dim
        self.add_module(self.fused_name, nn.Linear(size, sum(self.widths), bias=bias))

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.widths[0] // self.widths[1]

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of all heads of queries together, and of the states that come in."""
        fused: Any = self.get_submodule(self.fused_name)
        return self.widths[0], fused.weight.shape[1]

    def projections(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = part(self, self.fused_name)(x).split(self.widths, dim=-1)
        return query, key, value
