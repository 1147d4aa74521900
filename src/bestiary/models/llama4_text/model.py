"""What of Llama 4 is not Llama. Parameter names are the published ones."""

from typing import ClassVar

from torch import Tensor, nn

from ...modeling.decoder_config import DecoderConfig
from ...modeling.mixture import ExpertsFirstMixture
from ...nn.alias import Alias
from ...nn.moe import Experts, Router, TransposedExperts
from ...nn.norm import WeightlessRMSNorm
from ..llama.model import LlamaAttention, LlamaMLP
from . import Llama4TextConfig


class Llama4TextAttention(LlamaAttention):
    """Causal self-attention. Queries and keys that turn are normed behind it."""

    head_norm: ClassVar[type[nn.Module] | None] = WeightlessRMSNorm
    norms_turned = True
    norm_names = ("qk_norm", "qk_norm")

    def __init__(self, config: Llama4TextConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        if not self.turns:
            self._modules.pop("qk_norm", None)


class Llama4TextMLP(LlamaMLP):
    """down(act(gate(x)) * up(x)), of layers without experts unless the width is said."""

    def __init__(self, config: Llama4TextConfig, inner: int | None = None) -> None:
        super().__init__(config, inner or config.intermediate_size_mlp)


class Llama4Router(Router):
    """Chooses the experts with the highest scores; the share of each is the sigmoid of its score."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """States (N, D) -> scores (N, E), and of the k chosen the shares and the numbers (N, k)."""
        scores = self.scores(x)
        best, experts = scores.topk(self.top_k, dim=-1)
        return scores, best.float().sigmoid().to(x.dtype), experts


class Llama4TextExperts(TransposedExperts):
    """Experts that get a share of the states, instead of giving a share of what they compute."""

    def _share(self, expert: int, x: Tensor, shares: Tensor) -> Tensor:
        return self._one(expert, x * shares)


class Llama4TextMoe(ExpertsFirstMixture):
    """What the chosen experts give, and what the one gives that serves every token."""

    router_name = "router"
    top_k, num_experts, hidden_dim = Alias("router.top_k"), Alias("router.num_experts"), Alias("router.hidden_dim")

    def __init__(self, config: Llama4TextConfig) -> None:
        super().__init__(config)
        self.shared_expert = Llama4TextMLP(config, config.intermediate_size)

    def make_router(self, config: DecoderConfig, count: int) -> Router:
        return Llama4Router(config.hidden_size, count, config.declared("num_experts_per_tok"))

    def make_experts(self, config: DecoderConfig, count: int) -> Experts:
        return Llama4TextExperts(count, config.hidden_size, config.intermediate_size, config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        shared: Tensor = self.shared_expert(x)
        return shared + super().forward(x)
