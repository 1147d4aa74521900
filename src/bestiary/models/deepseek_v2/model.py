"""The mixture of DeepSeek-V2. Parameter names are the published ones."""

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...modeling.decoder_config import DecoderConfig
from ...modeling.mixture import SharedMixture
from ...nn.moe import Router
from ..llama.model import LlamaMLP
from . import DeepseekV2Config


class DeepseekV2TopkRouter(Router):
    """Chooses the experts with the greatest shares, by config out of the groups with the greatest ones."""

    def __init__(self, config: DeepseekV2Config, count: int) -> None:
        if config.num_experts_per_tok is None:
            raise ConfigError(
                "DeepseekV2Config: num_experts_per_tok is null; expected how many experts a token chooses (DeepSeek-V2: 6)"
            )
        super().__init__(config.hidden_size, count, config.num_experts_per_tok)
        self.scale, limited = config.routed_scaling_factor, config.topk_method == "group_limited_greedy"
        self.groups, self.groups_per_token = (config.n_group, config.topk_group) if limited else (None, None)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (N, D) -> scores (N, E), and of the k chosen the shares and the numbers (N, k), all scores in fp32."""
        scores = nn.functional.linear(x.float(), self.weight.float())
        shares = scores.softmax(dim=-1)
        if self.groups is not None and self.groups_per_token is not None:
            grouped = shares.unflatten(-1, (self.groups, -1))
            best = grouped.amax(-1).topk(self.groups_per_token, dim=-1).indices
            is_open = torch.zeros_like(grouped[..., 0], dtype=torch.bool).scatter(1, best, True)
            shares = grouped.masked_fill(~is_open[..., None], 0.0).flatten(1)
        shares, experts = shares.topk(self.top_k, dim=-1)
        return scores, (shares * self.scale).to(x.dtype), experts


class DeepseekV2Moe(SharedMixture):
    """The experts that a token chooses, and those that serve every token."""

    shared_class = LlamaMLP

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        return DeepseekV2TopkRouter(config, count)  # type: ignore[arg-type]
