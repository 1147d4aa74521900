"""What of Qwen 2 MoE is not Llama."""

from torch import Tensor, nn

from ...modeling.mixture import Mixture
from ..llama.model import LlamaMLP
from . import Qwen2MoeConfig


class Qwen2MoeMixture(Mixture):
    """A mixture, and an expert for every token, times a share (0 to 1) that the token's state decides."""

    def __init__(self, config: Qwen2MoeConfig) -> None:
        super().__init__(config)
        self.shared_expert = LlamaMLP(config, config.shared_expert_intermediate_size)
        self.shared_expert_gate = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        always: Tensor = self.shared_expert_gate(x).sigmoid() * self.shared_expert(x)
        return super().forward(x) + always
