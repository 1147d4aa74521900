"""What of Mixtral is not Llama. Parameter names are those of the published classes; `weights.py` has those of the files."""

from torch import Tensor, nn

from ...modeling.heads.mixture_causal_lm import MixtureCausalLM
from ...modeling.mixture import MixtureDecoder
from ...nn.alias import Alias
from ...nn.moe import Experts, Router
from ..llama.model import LlamaForCausalLM, LlamaModel
from . import MixtralConfig


class MixtralSparseMoeBlock(nn.Module):
    """The sum of what the chosen experts give, by their shares."""

    top_k, jitter_noise = Alias("gate.top_k"), Alias("gate.noise")

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__()
        size, count = config.hidden_size, config.num_local_experts
        self.gate = Router(size, count, config.num_experts_per_tok, config.router_jitter_noise)
        self.experts = Experts(count, size, config.intermediate_size, config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        states = x.flatten(0, 1)
        _, shares, experts = self.gate(states)
        output: Tensor = self.experts(states, shares, experts).view_as(x)
        return output


class MixtralModel(MixtureDecoder, LlamaModel):
    """Mixtral without a head."""


class MixtralForCausalLM(MixtureCausalLM, LlamaForCausalLM):
    """Mixtral with a language-modelling head."""
