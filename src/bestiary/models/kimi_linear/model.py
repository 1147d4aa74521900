"""Kimi Delta Attention. Parameter names are those of the published classes; `RULES` has those of the files."""

from typing import Any

import torch
from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...loading.rules import merge, rename, stack
from ...modeling.state_space import start_of_steps
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.block import Block
from ...nn.delta_rule import gated_delta_rule
from ...nn.init import Starting
from ...nn.masks import Mask
from ...nn.norm import RMSNorm, weightless_rms_norm
from ...nn.packed import text_at_a_time
from ...nn.ssm import CausalConv1d
from . import KimiLinearConfig

RULES = (
    *(rename(f"self_attn.{name}", f"self_attn.forget_gate.{name}") for name in ("A_log", "dt_bias")),
    *(rename(f"self_attn.{name}.weight", f"self_attn.forget_gate.{name}.weight") for name in ("f_a_proj", "f_b_proj")),
    merge([f"self_attn.{name}_conv1d.weight" for name in "qkv"], "self_attn.conv1d.weight"),
    rename("block_sparse_moe.{*}", "mlp.{*}"),
    stack(["mlp.experts.{n}.w1.weight", "mlp.experts.{n}.w3.weight"], "mlp.experts.gate_up_proj"),
    stack(["mlp.experts.{n}.w2.weight"], "mlp.experts.down_proj"),
)


def start_of_rates(a_log: Tensor) -> None:
    """Rates start between 1 and 16."""
    a_log.uniform_(1.0, 16.0).log_()


class KimiLinearForgetGate(Starting):
    """How fast each channel of keys fades: -exp(A) * softplus(f_b(f_a(x)) + bias)."""

    starts = {"A_log": start_of_rates, "dt_bias": start_of_steps(1e-3, 1e-1, 1e-4)}

    def __init__(self, size: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, head_dim
        self.f_a_proj = nn.Linear(size, head_dim, bias=False)
        self.f_b_proj = nn.Linear(head_dim, heads * head_dim, bias=False)
        self.dt_bias = nn.Parameter(torch.empty(heads * head_dim))
        self.A_log = nn.Parameter(torch.empty(1, 1, heads, 1))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """States (B, T, D) -> logarithms of what stays (B, T, H, K), in fp32."""
        steps = self.f_b_proj(self.f_a_proj(hidden_states)).float() + self.dt_bias.float()
        decay: Tensor = -self.A_log.float().exp() * nn.functional.softplus(steps).unflatten(-1, (self.num_heads, -1))
        return decay


class KimiLinearRMSNormGated(RMSNorm):
    """The RMS norm of x times sigmoid(gate), all in fp32."""

    activation = "sigmoid"

    def forward(self, hidden_states: Tensor, gate: Tensor) -> Tensor:  # type: ignore[override]
        """Twice (..., K) -> (..., K)."""
        normed = self.weight.float() * weightless_rms_norm(hidden_states.float(), self.eps)
        return (normed * gate.float().sigmoid()).to(hidden_states.dtype)


class KimiLinearDeltaAttention(Block):
    """A memory of keys and values that forgets, and corrects what it says of a key (section 3 of the paper)."""

    order = "hidden_states cache_params attention_mask"
    conv_kernel_size, activation = Alias("config.linear_conv_kernel_dim"), Alias("config.hidden_act")
    hidden_size = Alias("o_proj.out_features")

    def __init__(self, config: KimiLinearConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads, head = config.hidden_size, config.linear_num_heads, config.linear_head_dim
        self.layer_idx, self.num_heads, self.head_dim = layer_idx, heads, head
        self.act = activation(config.hidden_act)
        self.q_proj = nn.Linear(size, heads * head, bias=False)
        self.k_proj = nn.Linear(size, heads * head, bias=False)
        self.v_proj = nn.Linear(size, heads * head, bias=False)
        self.conv1d = CausalConv1d(3 * heads * head, config.linear_conv_kernel_dim, bias=False)
        self.forget_gate = KimiLinearForgetGate(size, heads, head)
        self.b_proj = nn.Linear(size, heads, bias=False)
        self.g_a_proj = nn.Linear(size, head, bias=False)
        self.g_b_proj = nn.Linear(head, heads * head, bias=False)
        self.o_norm = KimiLinearRMSNormGated(head, config.rms_norm_eps)
        self.o_proj = nn.Linear(heads * head, size, bias=False)

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding gives zeros to the convolution and to the memory."""
        memory = None if cache is None else recurrent_layer(cache, self.layer_idx, x.device)
        earlier, state = (None, None) if memory is None else (memory.conv_states, memory.recurrent_states)
        x = x if mask.real_queries is None else x * mask.real_queries
        inputs = torch.cat([self.q_proj(x), self.k_proj(x), self.v_proj(x)], dim=-1).transpose(1, 2)
        mixed = self.act(self.conv1d(inputs, earlier)).transpose(1, 2).unflatten(-1, (3, self.num_heads, self.head_dim))
        query, key, value = mixed.unbind(2)
        output, state = gated_delta_rule(query, key, value, self.forget_gate(x), self.b_proj(x).sigmoid(), state)
        if memory is not None:
            memory.update_conv_state(inputs, self.conv1d.kernel_size[0])
            memory.update_recurrent_state(state)
        gate = self.g_b_proj(self.g_a_proj(x)).view_as(output)
        result: Tensor = self.o_proj(self.o_norm(output.to(x.dtype), gate).flatten(2))
        return result
