"""What of Phi-3.5-MoE is not Llama. Parameter names are those of the published classes; `RULES` has those of the files."""

import torch
from torch import Tensor, nn

from ...loading.rules import rename, stack
from ...modeling.decoder_config import DecoderConfig
from ...modeling.mixture import Mixture
from ...nn.alias import Alias
from ...nn.moe import Router, SparseMixer
from ..mixtral.model import MixtralModel
from . import PhimoeConfig

RULES = (
    rename("block_sparse_moe.gate.weight", "mlp.router.weight"),
    stack(["block_sparse_moe.experts.{n}.w1.weight", "block_sparse_moe.experts.{n}.w3.weight"], "mlp.experts.gate_up_proj"),
    stack(["block_sparse_moe.experts.{n}.w2.weight"], "mlp.experts.down_proj"),
)


class PhimoeSparseMoeBlock(Mixture):
    """The sum of what the two chosen experts give, by their shares; states are multiplied by noise twice in training."""

    router_name = "router"
    top_k, num_experts, hidden_dim = Alias("router.top_k"), Alias("router.num_experts"), Alias("router.hidden_dim")

    def __init__(self, config: PhimoeConfig) -> None:
        super().__init__(config)
        self.noise = config.input_jitter_noise

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        return SparseMixer(config.hidden_size, count, config.declared("router_jitter_noise"))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        for _ in range(2 if self.training and self.noise > 0 else 0):
            hidden_states = hidden_states * torch.empty_like(hidden_states).uniform_(1.0 - self.noise, 1.0 + self.noise)
        return super().forward(hidden_states)


class PhimoeModel(MixtralModel):
    """Phi-3.5-MoE without a head."""

    norm_class = nn.LayerNorm
