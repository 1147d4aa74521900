"""The mixer of Mamba 2 (Dao and Gu 2024), which decoders made of it and hybrids with attention share."""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..cache.kinds.recurrent import recurrent_layer
from ..cache.layer_types import keeps_both
from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.block import Block
from ..nn.init import Start, Starting, constant
from ..nn.masks import Mask
from ..nn.norm import GatedRMSNorm
from ..nn.packed import text_at_a_time
from ..nn.ssd import ssd_scan
from ..nn.ssm import CausalConv1d
from .state_space_config import StateSpace


def start_of_decays(a_log: Tensor) -> None:
    """A starts as -1, ..., -H."""
    a_log.copy_(torch.arange(1, len(a_log) + 1, device=a_log.device).log())


def start_of_steps(least: float, largest: float, bound: float) -> Start:
    """The bias under the softplus: steps start between `least` and `largest`, even in their logarithm, not below `bound`."""
    low, high = sorted((math.log(least), math.log(largest)))

    def start(bias: Tensor) -> None:
        if high == math.inf:
            bias.fill_(high)
            return
        steps = bias.uniform_(low, high).exp().clamp(min=bound)
        bias.copy_(steps + (-torch.expm1(-steps)).log())  # the inverse of softplus

    return start


class StateSpaceMixer(Block, Starting):
    """A state-space model between two projections; its config says the sizes (`state_space`).

    Class attributes, for relatives:
        norm_class: the norm behind the scan, built as `norm_class(inner, eps, groups)`.
    """

    order = "hidden_states cache_params attention_mask"
    norm_class: ClassVar[type[nn.Module]] = GatedRMSNorm
    hidden_size, activation = Alias("in_proj.in_features"), Alias("space.act")
    num_heads, head_dim, intermediate_size = Alias("space.heads"), Alias("space.head_dim"), Alias("space.inner")
    ssm_state_size, conv_kernel_size = Alias("space.state_size"), Alias("space.kernel")
    use_bias, use_conv_bias = Alias("space.bias"), Alias("space.conv_bias")

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        space: StateSpace = config.state_space
        self.layer_idx, self.space, self.beside_keys = layer_idx, space, keeps_both(config.layer_kinds()[layer_idx])
        self.act = activation(space.act)
        self.conv1d = CausalConv1d(space.mixed, space.kernel, space.conv_bias)
        self.in_proj = nn.Linear(config.hidden_size, space.inner + space.mixed + space.heads, bias=space.bias)
        self.dt_bias = nn.Parameter(torch.empty(space.heads))
        self.A_log = nn.Parameter(torch.empty(space.heads))
        self.norm = self.norm_class(space.inner, space.eps, space.groups)
        self.D = nn.Parameter(torch.empty(space.heads))
        self.out_proj = nn.Linear(space.inner, config.hidden_size, bias=space.bias)
        start = constant(1.0) if space.starts is None else start_of_steps(*space.starts)
        self.starts = {"A_log": start_of_decays, "D": constant(1.0), "dt_bias": start}

    def project(self, x: Tensor) -> Tensor:
        """States (B, T, D) -> gate, inputs of the convolution, steps before their bias, (B, T, H P + (H P + 2 G N) + H)."""
        projected: Tensor = self.in_proj(x)
        return projected

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any, *, shares: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding gives zeros to the convolution and to the scan.

        `shares` (B, T, 1): numbers of a mask that multiply what comes in and what the convolution gives, as published.
        """
        space, dtype = self.space, x.dtype
        real = mask.real_queries
        memory = None if cache is None else recurrent_layer(cache, self.layer_idx, x.device, self.beside_keys)
        earlier, state = (None, None) if memory is None else (memory.conv_states, memory.recurrent_states)
        kept = real if shares is None else shares
        projected = self.project(x if kept is None else x * kept)
        gate, inputs, delta = projected.split((space.inner, space.mixed, space.heads), dim=-1)
        inputs = (inputs * real if space.bias and real is not None else inputs).transpose(1, 2)
        mixed = self.act(self.conv1d(inputs, earlier)).transpose(1, 2)
        mixed = mixed if kept is None else mixed * kept
        shared = space.groups * space.state_size
        x, b, c = mixed.split((space.inner, shared, shared), dim=-1)
        x, b, c = x.view(*x.shape[:2], space.heads, -1), *(each.unflatten(-1, (space.groups, -1)) for each in (b, c))
        delta = nn.functional.softplus(delta + self.dt_bias).clamp(*space.limits)
        y, state = ssd_scan(x, delta, -self.A_log.float().exp(), b, c, state, space.chunk)
        if memory is not None:
            memory.update_conv_state(inputs, space.kernel)
            memory.update_recurrent_state(state)
        y = torch.addcmul(y, x, self.D[:, None])
        output: Tensor = self.out_proj(self.norm(y.flatten(2), gate).to(dtype))
        return output
