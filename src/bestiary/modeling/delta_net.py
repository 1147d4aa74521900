"""The mixer of Qwen3-Next and Qwen 3.5, a gated delta net (Yang et al. 2024), and what their configs say of it."""

from typing import Any

import torch
from torch import Tensor, nn

from ..cache.kinds.recurrent import recurrent_layer
from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.block import Block
from ..nn.delta_rule import gated_delta_rule
from ..nn.init import Starting, constant
from ..nn.masks import Mask
from ..nn.norm import GatedRMSNorm
from ..nn.packed import text_at_a_time
from ..nn.ssm import CausalConv1d


def start_of_decays(a_log: Tensor) -> None:
    """A starts between 0.01 and 16."""
    a_log.uniform_(0.01, 16.0).log_()


class GatedDeltaNet(Block, Starting):
    """A memory of keys and values between two projections; of the config it reads `linear_*`, as `DeltaNetConfig` has them."""

    order = "hidden_states cache_params attention_mask"
    conv_kernel_size, activation = Alias("config.linear_conv_kernel_dim"), Alias("config.hidden_act")
    hidden_size = Alias("out_proj.out_features")

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.key_heads, self.value_heads = config.linear_num_key_heads, config.linear_num_value_heads
        self.key_size, self.value_size = config.linear_key_head_dim, config.linear_value_head_dim
        keys, values = self.key_heads * self.key_size, self.value_heads * self.value_size
        self.sizes = keys, keys, values
        self.act = activation(config.hidden_act)
        self.conv1d = CausalConv1d(sum(self.sizes), config.linear_conv_kernel_dim, bias=False)
        self.dt_bias = nn.Parameter(torch.empty(self.value_heads))
        self.A_log = nn.Parameter(torch.empty(self.value_heads))
        self.norm = GatedRMSNorm(self.value_size, config.rms_norm_eps, norm_first=True)
        self.out_proj = nn.Linear(values, config.hidden_size, bias=False)
        self.add_projections(config.hidden_size, keys, values)
        self.starts = {"A_log": start_of_decays, "dt_bias": constant(1.0)}

    def add_projections(self, size: int, keys: int, values: int) -> None:
        """Build what `project` needs: for states of `size` numbers, `keys` and `values` numbers of all heads."""
        self.in_proj_qkv = nn.Linear(size, 2 * keys + values, bias=False)
        self.in_proj_z = nn.Linear(size, values, bias=False)
        self.in_proj_b = nn.Linear(size, self.value_heads, bias=False)
        self.in_proj_a = nn.Linear(size, self.value_heads, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """States (B, T, D) -> queries, keys and values in one (B, T, ...), the gate, the rate and the decay of each head."""
        return self.in_proj_qkv(x), self.in_proj_z(x), self.in_proj_b(x), self.in_proj_a(x)

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding gives zeros to the convolution and to the memory."""
        memory = None if cache is None else recurrent_layer(cache, self.layer_idx, x.device)
        earlier, state = (None, None) if memory is None else (memory.conv_states, memory.recurrent_states)
        x = x if mask.real_queries is None else x * mask.real_queries
        inputs, gate, rate, decay = self.project(x)
        inputs = inputs.transpose(1, 2)
        mixed = self.act(self.conv1d(inputs, earlier)).transpose(1, 2)
        query, key, value = mixed.split(self.sizes, dim=-1)
        query, key = (each.view(*x.shape[:2], self.key_heads, -1) for each in (query, key))
        if self.key_heads != self.value_heads:
            query, key = (each.repeat_interleave(self.value_heads // self.key_heads, dim=2) for each in (query, key))
        value = value.view(*x.shape[:2], self.value_heads, -1)
        decay = -self.A_log.float().exp() * nn.functional.softplus(decay.float() + self.dt_bias)
        output, state = gated_delta_rule(query, key, value, decay, rate.sigmoid(), state)
        if memory is not None:
            memory.update_conv_state(inputs, self.conv1d.kernel_size[0])
            memory.update_recurrent_state(state)
        result: Tensor = self.out_proj(self.norm(output.to(x.dtype), gate.view_as(output)).flatten(2))
        return result
