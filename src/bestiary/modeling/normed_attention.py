"""Attention whose queries, keys and values are normed, as in Gemma 4, so that scores are not divided."""

from typing import Any

from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..nn.attention import Attend, HasHeads, LayerCache, merge_heads, split_heads
from ..nn.masks import Mask
from ..nn.norm import FullPrecisionRMSNorm, WeightlessRMSNorm
from ..nn.rope import rotate, rotate_both
from .layer_sizes_config import LayerSizesConfig


class NormedAttention(HasHeads):
    """Self-attention with normed queries, keys and values, of the sizes that the config says of its layer.

    With `num_kv_shared_layers` the last layers have queries alone; they look at what the last layer before them of their kind
    has kept in `shared_kv_states`, which a call hands through all layers.
    """

    order = "hidden_states attention_mask position_embeddings past_key_values"
    named_states, is_causal, turns = True, True, True

    def __init__(self, config: LayerSizesConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads, bias = config.hidden_size, config.num_attention_heads, config.declared("attention_bias", False)
        groups, head, _ = config.cache_shape(layer_idx)
        self.layer_idx, self.head_dim, self.num_key_value_groups = layer_idx, head, heads // groups
        self.layer_type = config.layer_kinds()[layer_idx]
        self.is_causal = self.is_causal and config.declared("use_bidirectional_attention") != "all"
        mode = config.kv_sharing_modes[layer_idx]
        self.is_kv_shared_layer, self.store_full_length_kv = mode == "reuse", mode == "store"
        self.q_proj = nn.Linear(size, heads * head, bias=bias)
        self.q_norm = FullPrecisionRMSNorm(head, config.rms_norm_eps)
        if not self.is_kv_shared_layer:
            self.k_norm = FullPrecisionRMSNorm(head, config.rms_norm_eps)
            self.v_norm = WeightlessRMSNorm(head, config.rms_norm_eps)
            self.k_proj = nn.Linear(size, groups * head, bias=bias)
            of_keys = config.declared("attention_k_eq_v", False) and self.layer_type == "full_attention"
            self.v_proj = None if of_keys else nn.Linear(size, groups * head, bias=bias)
        self.o_proj = nn.Linear(heads * head, size, bias=bias)
        self.attend = Attend(1.0, config.attention_dropout)

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: LayerCache | None,
        *,
        rotary: tuple[Tensor, Tensor],
        shared_kv_states: Any = None,
    ) -> Tensor:
        query = self.q_norm(split_heads(self.q_proj(x), self.head_dim))
        if self.is_kv_shared_layer:
            if shared_kv_states is None:
                raise ArgumentError(
                    f"layer {self.layer_idx} has no keys of its own; pass shared_kv_states with those it looks at"
                )
            query = rotate(query, *rotary)
            key, value = (states.to(x.device) for states in shared_kv_states[self.layer_type])
        else:
            key = split_heads(self.k_proj(x), self.head_dim)
            value = self.v_norm(key if self.v_proj is None else split_heads(self.v_proj(x), self.head_dim))
            query, key = rotate_both(query, self.k_norm(key), *rotary)
            if cache is not None:
                key, value = cache.update(key, value, self.layer_idx)
        if self.store_full_length_kv and shared_kv_states is not None:
            shared_kv_states[self.layer_type] = key, value
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask)))
        return output
