"""Attention whose keys and values are made from a narrow state of each token (DeepSeek-AI 2024, DeepSeek-V2, section 2.1)."""

import math

import torch
from torch import Tensor, nn

from ..cache.base import Cache
from ..nn.attention import Attend, HasHeads, LayerCache, merge_heads, split_heads
from ..nn.kernels import default_scaling
from ..nn.masks import Mask
from ..nn.norm import RMSNorm
from ..nn.rope import rotate_both
from .latent_config import LatentConfig


class LatentAttention(HasHeads):
    """Causal self-attention.

    In place of keys a cache keeps the narrow states (B, 1, S, R), and in place of values what turns of the keys (B, 1, S, K),
    the same for all heads; each call makes keys and values of them. A cache that turns keys or lays them in blocks keeps
    these themselves.
    """

    num_key_value_groups = 1

    def __init__(self, config: LatentConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads, bias = config.hidden_size, config.num_attention_heads, config.attention_bias
        self.layer_idx, self.head_dim, self.interleaved = layer_idx, config.qk_head_dim, config.interleaved_rotary
        still, turning, self.q_lora_rank = config.qk_nope_head_dim, config.qk_rope_head_dim, config.q_lora_rank
        self.parts, self.narrow_parts = [still, turning], [config.kv_lora_rank, turning]
        self.expanded_parts = [still, config.v_head_dim]
        if config.q_lora_rank is None:
            self.q_proj = nn.Linear(size, heads * self.head_dim, bias=False)
        else:
            self.q_a_proj = nn.Linear(size, config.q_lora_rank, bias=bias)
            self.q_a_layernorm = RMSNorm(config.q_lora_rank)
            self.q_b_proj = nn.Linear(config.q_lora_rank, heads * self.head_dim, bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(size, sum(self.narrow_parts), bias=bias)
        self.kv_a_layernorm = RMSNorm(config.kv_lora_rank)
        self.kv_b_proj = nn.Linear(config.kv_lora_rank, heads * sum(self.expanded_parts), bias=False)
        self.o_proj = nn.Linear(heads * config.v_head_dim, size, bias=bias)
        self.attend = Attend(default_scaling(self.head_dim) * _warmth(config), config.attention_dropout)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.kv_b_proj.out_features // sum(self.expanded_parts) * self.head_dim, self.o_proj.out_features

    def forward(
        self, x: Tensor, mask: Mask, cache: LayerCache | None, *, rotary: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        query, narrow, turned = self.project(x, self.query_latent(x), rotary)
        if isinstance(cache, Cache) and not cache.needs_rotary:
            narrow, turned = cache.update(narrow, turned, self.layer_idx)
            cache = None
        key, value = self.expand(narrow, turned)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        return self.look(query, key, value, mask)

    def look(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> Tensor:
        """Queries (B, H, T, K) on keys and values (B, H, S, ...) -> (B, T, D)."""
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask)))
        return output

    def query_latent(self, x: Tensor) -> Tensor:
        """States (B, T, D) -> what queries are made of: narrow, normed states (B, T, R), or, without `q_lora_rank`, these."""
        return x if self.q_lora_rank is None else self.q_a_layernorm(self.q_a_proj(x))

    def project(self, x: Tensor, latent: Tensor, rotary: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, K), what turns in front; narrow states (B, 1, T, R); what turns of keys (B, 1, T, K)."""
        queries = (self.q_proj if self.q_lora_rank is None else self.q_b_proj)(latent)
        still, turning = split_heads(queries, self.head_dim).split(self.parts, dim=-1)
        narrow, turned = self.kv_a_proj_with_mqa(x).split(self.narrow_parts, dim=-1)
        narrow = self.kv_a_layernorm(narrow).unsqueeze(1)
        turned = turned.unsqueeze(1)
        if rotary is not None:
            turning, turned = rotate_both(turning, turned, *rotary, self.interleaved)
        return torch.cat((turning, still), dim=-1), narrow, turned

    def expand(self, narrow: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
        """Narrow states (B, 1, S, R) and what turns of keys (B, 1, S, K) -> keys, it in front, and values (B, H, S, ...)."""
        still, value = split_heads(self.kv_b_proj(narrow.squeeze(1)), sum(self.expanded_parts)).split(
            self.expanded_parts, dim=-1
        )
        return torch.cat((turned.expand(-1, still.shape[1], -1, -1), still), dim=-1), value


def _warmth(config: LatentConfig) -> float:
    """The factor on scores of positions that are stretched: (0.1 m log(factor) + 1)^2 with m `mscale_all_dim`."""
    table = config.rope_parameters or {}
    weight, factor = table.get("mscale_all_dim"), table.get("factor") or 1.0
    return (0.1 * weight * math.log(factor) + 1.0) ** 2 if weight and factor > 1 and table["rope_type"] != "default" else 1.0
