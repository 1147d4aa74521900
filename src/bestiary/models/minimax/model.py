"""What of MiniMax-Text-01 is not Mixtral. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cache.kinds.recurrent import RecurrentLayer, recurrent_layer
from ...nn.activations import activation
from ...nn.attention import Attend, LayerCache, merge_heads, split_heads
from ...nn.block import Block
from ...nn.init import Start, Starting
from ...nn.masks import Mask
from ...nn.norm import RMSNorm
from ...nn.packed import text_at_a_time
from ...nn.ssd import ssd_scan
from ..llama.model import LlamaDecoderLayer
from ..mixtral.model import MixtralSparseMoeBlock
from . import MiniMaxConfig


class LightningAttend(Attend):
    """o_t = q_t S_t with S_t = exp(-slope) S_{t-1} + k_t' v_t (Qin et al. 2024); the states are recorded as attentions."""

    def __init__(self, block_size: int) -> None:
        super().__init__(scaling=1.0)
        self.block_size = block_size

    def forward(  # type: ignore[override] # there is neither a mask nor a bias
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        slopes: Tensor,
        memory: RecurrentLayer | None = None,
        need_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Queries, keys and values (B, H, T, K), slopes (H,) -> (B, H, T, K); with `need_weights` also S_T (B, H, K, K)."""
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        state = None if memory is None else memory.recurrent_states
        mixed, state = ssd_scan(value, torch.ones_like(value[..., 0]), -slopes, key, query, state, self.block_size)
        if memory is not None:
            memory.update_recurrent_state(state)
            memory.count(query.shape[1])
        mixed = mixed.to(value.dtype).transpose(1, 2)
        return (mixed, state.transpose(-1, -2).to(value.dtype)) if need_weights else mixed


def start_of_table(name: str, depth: float) -> Start:
    """The table `name` of `MiniMaxLightningAttention`, in a layer before which there is the share `depth` of the others."""

    def start(table: Tensor) -> None:
        heads, length = table.shape[-3:-1]
        numbers, places = (torch.arange(1, count + 1, device=table.device)[:, None] for count in (heads, length))
        rates = (2 ** (-8 / heads * numbers) * (1 - depth + 1e-5)).unsqueeze(-1)
        distances = {"query_decay": places, "key_decay": length - places, "diagonal_decay": places - places.mT}
        distance = distances.get(name, places)
        table.copy_(rates if name == "slope_rate" else (-rates * distance).exp().masked_fill(distance < 0, 0.0))

    return start


class MiniMaxLightningAttention(Block, Starting):
    """Attention without a softmax, whose heads forget at rates of their own, faster in earlier layers.

    Files hold the rates and three tables that follow from them, for a block of L positions (L = `block_size`): what is left of
    the block's start at each position, (H, L, 1), of each position at the block's end, and between two positions, (1, H, L, L).
    """

    order, gives = "hidden_states position_embeddings attention_mask past_key_values", "attentions"
    slope_rate: Tensor
    query_decay: Tensor
    key_decay: Tensor
    diagonal_decay: Tensor

    def __init__(self, config: MiniMaxConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads, head, block = config.hidden_size, config.num_attention_heads, config.head_size, config.block_size
        self.layer_idx, self.num_attention_heads, self.head_dim, self.block_size = layer_idx, heads, head, block
        self.act_fn = activation(config.hidden_act)
        self.norm = RMSNorm(heads * head)
        self.qkv_proj = nn.Linear(size, 3 * heads * head, bias=False)
        self.out_proj = nn.Linear(heads * head, size, bias=False)
        self.output_gate = nn.Linear(size, heads * head, bias=False)
        self.attend = LightningAttend(block)
        tables = {"slope_rate": (heads, 1, 1), "query_decay": (heads, block, 1), "key_decay": (heads, block, 1)}
        for name, shape in {**tables, "diagonal_decay": (1, heads, block, block)}.items():
            self.register_buffer(name, torch.empty(shape))
        self.starts = {name: start_of_table(name, layer_idx / (config.num_hidden_layers - 1 + 1e-5)) for name in self._buffers}

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding adds nothing to what is remembered."""
        memory = None if cache is None else recurrent_layer(cache, self.layer_idx, x.device)
        projected = self.act_fn(self.qkv_proj(x))
        projected = projected if mask.real_queries is None else projected * mask.real_queries
        query, key, value = split_heads(projected, 3 * self.head_dim).chunk(3, dim=-1)
        mixed = self.attend(query, key, value, self.slope_rate.flatten(), memory)
        output: Tensor = self.out_proj(self.output_gate(x).sigmoid() * self.norm(merge_heads(mixed)))
        return output


class MiniMaxDecoderLayer(LlamaDecoderLayer):
    """Twice: the normed states times alpha, plus what attention or the experts make of them times beta."""

    state_class, state_name = MiniMaxLightningAttention, "self_attn"
    mlp_class, last_parts = MixtralSparseMoeBlock, ("mlp",)

    def __init__(self, config: MiniMaxConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        linear = config.layer_kinds()[layer_idx] == "linear_attention"
        full = config.full_attn_alpha_factor, config.full_attn_beta_factor
        lightning = config.linear_attn_alpha_factor, config.linear_attn_beta_factor
        self.attn_alpha_factor, self.attn_beta_factor = lightning if linear else full
        self.mlp_alpha_factor, self.mlp_beta_factor = config.mlp_alpha_factor, config.mlp_beta_factor

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        before, _, before_experts, _ = self.norm_names
        x = self._norm(before, x)
        x = x * self.attn_alpha_factor + self.mix(x, mask, cache, **positions) * self.attn_beta_factor
        x = self._norm(before_experts, x)
        return x * self.mlp_alpha_factor + self.feed(x) * self.mlp_beta_factor
