"""The indexed attention of DeepSeek-V3.2. Parameter names are the published ones."""

import torch
from torch import Tensor, nn

from ...cache.base import Cache
from ...core.errors import ConfigError
from ...modeling.latent_attention import LatentAttention
from ...nn.alias import Alias
from ...nn.attention import LayerCache
from ...nn.indexing import Index, parted, with_index, with_one_head_more
from ...nn.masks import Mask
from ...nn.rope import rotate
from . import DeepseekV32Config


class DeepseekV32Indexer(nn.Module):
    """Makes the index of a layer: small queries of several heads, and a small key of each token, the same for all heads."""

    hidden_size, q_lora_rank = Alias("wk.in_features"), Alias("wq_b.in_features")

    def __init__(self, config: DeepseekV32Config, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, self.n_heads, self.head_dim = layer_idx, config.index_n_heads, config.index_head_dim
        self.index_topk, self.qk_rope_head_dim = config.index_topk, config.qk_rope_head_dim
        self.softmax_scale = self.head_dim**-0.5
        if self.head_dim < self.qk_rope_head_dim:
            raise ConfigError(
                f"DeepseekV32Config: index_head_dim is {self.head_dim}, and qk_rope_head_dim {self.qk_rope_head_dim}; expected"
                " as many numbers as turn, or more"
            )
        self.wq_b = nn.Linear(config.q_lora_rank, self.n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(config.hidden_size, self.head_dim, bias=False)
        self.k_norm = nn.LayerNorm(self.head_dim, eps=1e-6)
        self.weights_proj = nn.Linear(config.hidden_size, self.n_heads, bias=False)

    @torch.no_grad()
    def forward(self, x: Tensor, latent: Tensor, rotary: tuple[Tensor, Tensor] | None) -> tuple[Index, Tensor]:
        """States (B, T, D) and the narrow states (B, T, R) of their queries -> their index and its keys (B, 1, T, I)."""
        query = self.wq_b(latent).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        key = self.k_norm(self.wk(x)).unsqueeze(1)
        if rotary is not None:
            query, key = (rotate(self.as_neighbours(each), *rotary, interleaved=True) for each in (query, key))
        weights = self.weights_proj(x.to(self.weights_proj.weight.dtype))
        return Index(query.transpose(1, 2), weights, self.index_topk, self.softmax_scale), key

    def as_neighbours(self, x: Tensor) -> Tensor:
        """(..., I) with the numbers that turn together side by side, as in the keys of attention: products stay the same."""
        turning, still = x.split([self.qk_rope_head_dim, self.head_dim - self.qk_rope_head_dim], dim=-1)
        return torch.cat((turning.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2), still), dim=-1)


class DeepseekV32Attention(LatentAttention):
    """Latent attention, each token of which looks at those alone that its layer's index finds best.

    A cache keeps the index's keys behind what turns of the keys, (B, 1, S, K + I). One that turns keys or lays them in blocks
    keeps them as those of one more head, filled up to the width of the others, without values.
    """

    def __init__(self, config: DeepseekV32Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.indexer = DeepseekV32Indexer(config, layer_idx)

    def forward(
        self, x: Tensor, mask: Mask, cache: LayerCache | None, *, rotary: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        latent = self.query_latent(x)
        query, narrow, turned = self.project(x, latent, rotary)
        index, index_keys = self.indexer(x, latent, rotary)
        if isinstance(cache, Cache) and not cache.needs_rotary:
            narrow, both = cache.update(narrow, torch.cat((turned, index_keys), dim=-1), self.layer_idx)
            turned, index_keys = both.split([turned.shape[-1], index_keys.shape[-1]], dim=-1)
            cache = None
        key, value = self.expand(narrow, turned)
        if cache is not None:
            key, value = cache.update(*with_one_head_more(key, value, index_keys), self.layer_idx)
            if mask.kernel is None:  # else it takes them apart
                key, value, index_keys = parted(key, value, query.shape[-1], index_keys.shape[-1])
        return self.look(query, key, value, with_index(mask, index, index_keys.squeeze(1)))
