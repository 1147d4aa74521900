"""What of gpt-oss is not Llama. Parameter names are the published ones."""

import torch
from torch import Tensor, nn

from ...modeling.decoder_config import DecoderConfig
from ...modeling.mixture import Mixture
from ...nn import grouped
from ...nn.init import Starting, constant
from ...nn.moe import Experts, Router, TransposedExperts
from ...nn.norm import FullPrecisionRMSNorm
from ...nn.part_order import put_last
from ..mixtral.model import MixtralModel
from . import GptOssConfig


class GptOssExperts(TransposedExperts, Starting):
    """E gated MLPs with biases. Of `gate_up_proj` (E, D, 2 I) even columns are the gate."""

    starts = {"gate_up_proj_bias": constant(0.0), "down_proj_bias": constant(0.0)}

    def __init__(self, config: GptOssConfig) -> None:
        count, size, inner = config.num_local_experts, config.hidden_size, config.intermediate_size
        super().__init__(count, size, inner, config.hidden_act)
        self.gate_up_proj_bias = nn.Parameter(torch.empty(count, 2 * inner))
        put_last(self, "down_proj")
        self.down_proj_bias = nn.Parameter(torch.empty(count, size))
        self.alpha, self.limit = config.swiglu_alpha, config.swiglu_limit

    def _groups(self, experts: Tensor, x: Tensor) -> bool:
        return False  # the biases are of one expert

    def _one(self, expert: int, x: Tensor) -> Tensor:
        gate_up = grouped.product(x, self.gate_up_proj.mT, expert, self.gate_up_proj_bias[expert])
        gate, up = gate_up[:, ::2].clamp(max=self.limit), gate_up[:, 1::2].clamp(-self.limit, self.limit)
        inner = (up + 1) * gate * torch.sigmoid(self.alpha * gate)
        return grouped.product(inner, self.down_proj.mT, expert, self.down_proj_bias[expert])


class GptOssMLP(Mixture):
    """The sum of what the chosen experts give, by their shares."""

    router_name = "router"

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        return Router(config.hidden_size, count, config.declared("num_experts_per_tok"), bias=True)

    def make_experts(self, config: GptOssConfig, count: int) -> Experts:  # type: ignore[override]
        return GptOssExperts(config)


class GptOssModel(MixtralModel):
    """gpt-oss without a head."""

    norm_class, packs = FullPrecisionRMSNorm, False
