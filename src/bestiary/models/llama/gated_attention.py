"""Attention whose output a gate multiplies (Qiu et al. 2025), which Llama's relatives Qwen3-Next and Qwen 3.5 have."""

from torch import Tensor, nn

from ...nn.attention import LayerCache, merge_heads, split_heads
from ...nn.masks import Mask
from ...nn.norm import ShiftedRMSNorm
from ...nn.part import part
from ...nn.rope import rotate_both
from .model import LlamaAttention


class LlamaGatedAttention(LlamaAttention):
    """Llama's attention with normed queries and keys; what heads give is multiplied by sigmoids that `q_proj` gives too."""

    head_norm = ShiftedRMSNorm

    @property
    def sizes(self) -> tuple[int, int]:
        """Width of all heads together, and of the states that come in."""
        return self.q_proj.out_features // 2, self.q_proj.in_features

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.sizes[0] // self.k_proj.out_features

    def add_projections(self, size: int, heads: int, groups: int, bias: bool) -> None:
        super().add_projections(size, heads, groups, bias)
        self.q_proj = nn.Linear(size, 2 * heads * self.head_dim, bias=bias)

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: LayerCache | None,
        *,
        rotary: tuple[Tensor, Tensor] | None = None,
        query_scale: Tensor | None = None,
    ) -> Tensor:
        query, gate = split_heads(self.q_proj(x), 2 * self.head_dim).chunk(2, dim=-1)  # of each head side by side
        key, value = (split_heads(project(x), self.head_dim) for project in (self.k_proj, self.v_proj))
        query, key = self._normed(query, key)
        if rotary is not None and self.turns:
            query, key = rotate_both(query, key, *rotary, self.interleaved)
        if query_scale is not None and self.grows:
            query = query * query_scale
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        attended = self.attend(query, key, value, mask, sinks=self.sinks)
        output: Tensor = part(self, self.output_name)(merge_heads(attended * gate.sigmoid()))
        return output
