"""The mixture of MiniMax-M2. Parameter names are those of the published classes; `RULES` has those of the files."""

import torch
from torch import Tensor

from ...loading.rules import rename
from ...modeling.decoder_config import DecoderConfig
from ...nn.init import Starting, constant
from ...nn.moe import Router
from ..mixtral import weights
from ..mixtral.model import MixtralSparseMoeBlock

RULES = (*weights.RULES, rename("block_sparse_moe.e_score_correction_bias", "mlp.e_score_correction_bias"))


class MiniMaxM2TopKRouter(Router):
    """Chooses the experts with the highest sigmoids, after a correction (E,) that does not change their shares."""

    def forward(self, hidden_states: Tensor, correction: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (N, D) -> scores (N, E), and of the k chosen the shares and the numbers (N, k)."""
        scores = self.scores(hidden_states)
        sigmoids = scores.float().sigmoid()
        experts = (sigmoids + correction).topk(self.top_k, dim=-1).indices
        shares = sigmoids.gather(1, experts)
        return scores, (shares / shares.sum(dim=-1, keepdim=True)).to(hidden_states.dtype), experts


class MiniMaxM2SparseMoeBlock(MixtralSparseMoeBlock, Starting):
    """The sum of what the chosen experts give, by their shares."""

    starts = {"e_score_correction_bias": constant(0.0)}
    e_score_correction_bias: Tensor

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.register_buffer("e_score_correction_bias", torch.zeros(config.declared("num_local_experts")))

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        noise = config.declared("router_jitter_noise")
        return MiniMaxM2TopKRouter(config.hidden_size, count, config.declared("num_experts_per_tok"), noise)

    def route(self, states: Tensor) -> tuple[Tensor, Tensor]:
        _, shares, experts = self.get_submodule(self.router_name)(states, self.e_score_correction_bias)
        return shares, experts
