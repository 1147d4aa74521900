"""What of Falcon-H1 is not Llama. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...modeling.state_space import StateSpaceMixer
from ...nn.attention import LayerCache
from ...nn.masks import Mask
from ...nn.norm import GatedRMSNorm
from ..llama.model import LlamaAttention, LlamaDecoderLayer, LlamaMLP, LlamaModel
from . import FalconH1Config


class FalconH1Attention(LlamaAttention):
    """Attention whose keys are multiplied by a factor."""

    def __init__(self, config: FalconH1Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.key_multiplier = config.key_multiplier

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = super().project(x)
        return query, key * self.key_multiplier, value


class Gate(nn.Module):
    """x * silu(gate), in the place of a gated norm."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Twice (..., D) -> (..., D)."""
        return x * nn.functional.silu(gate)


class FalconH1Mixer(StateSpaceMixer):
    """Mamba 2's mixer with factors on what its first projection reads and gives."""

    def __init__(self, config: FalconH1Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        space = self.space
        norm = GatedRMSNorm(space.inner, space.eps, space.groups, norm_first=config.mamba_norm_before_gate)
        self.norm = norm if config.mamba_rms_norm else Gate()
        self.out_proj = nn.Linear(space.inner, config.hidden_size, bias=config.projectors_bias)
        shared = space.groups * space.state_size
        self.parts = [space.inner, space.inner, shared, shared, space.heads]
        self.factor, self.factors = config.ssm_in_multiplier, config.ssm_multipliers or []

    def project(self, x: Tensor) -> Tensor:
        parts = super().project(x * self.factor).split(self.parts, dim=-1)
        return torch.cat([part * factor for part, factor in zip(parts, self.factors, strict=True)], dim=-1)


class FalconH1MLP(LlamaMLP):
    """down(act(gate(x) * factor) * up(x)) * factor."""

    def __init__(self, config: FalconH1Config) -> None:
        super().__init__(config)
        self.gate_multiplier, self.down_multiplier = config.mlp_multipliers or (1.0, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        return super().forward(x) * self.down_multiplier

    def gated(self, gate: Tensor) -> Tensor:
        return super().gated(gate * self.gate_multiplier)


class FalconH1DecoderLayer(LlamaDecoderLayer):
    """x + mixer(norm(x)) + attention(norm(x)), then x + mlp(norm(x)), with factors."""

    norm_names = ("input_layernorm", None, "pre_ff_layernorm", None)
    mlp_name = "feed_forward"
    last_parts = ("feed_forward", "mamba", "self_attn", "input_layernorm", "pre_ff_layernorm")

    def add_mixer(self, config: Any, layer_idx: int) -> None:
        super().add_mixer(config, layer_idx)
        self.mamba = FalconH1Mixer(config, layer_idx)
        self.attention_in_multiplier, self.attn_out_multiplier = config.attention_in_multiplier, config.attention_out_multiplier
        self.ssm_out_multiplier = config.ssm_out_multiplier

    def mix(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        # The mixer comes first: a cache that knows no config learns from it that this layer keeps both.
        scanned: Tensor = self.mamba(x, mask, cache) * self.ssm_out_multiplier
        attended = super().mix(x * self.attention_in_multiplier, mask, cache, **positions)
        output: Tensor = scanned + attended * self.attn_out_multiplier
        return output


class FalconH1Model(LlamaModel):
    """Falcon-H1 without a head. Embeddings that a caller gives are not multiplied."""

    config: FalconH1Config

    def embed(self, input_ids: Tensor) -> Tensor:
        return super().embed(input_ids) * self.config.embedding_multiplier

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        return x
