"""What of Nemotron-H is not Llama. Parameter names are those of the published classes; `RULES` has those of the files."""

from typing import Any

from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...loading.rules import rename, stack
from ...modeling.decoder_config import DecoderConfig
from ...modeling.mixture import SharedMixture
from ...modeling.state_space import StateSpaceMixer
from ...nn.init import uniform
from ...nn.layer import Layer
from ...nn.masks import Mask
from ...nn.moe import Experts, PlainExperts
from ...nn.norm import FullPrecisionRMSNorm
from ..llama.model import LlamaAttention, LlamaMLP
from ..mixtral.model import MixtralModel
from . import NemotronHConfig

RULES = (
    rename("backbone.{*}", "model.{*}"),
    stack(["mixer.experts.{n}.up_proj.weight"], "mixer.experts.up_proj"),
    stack(["mixer.experts.{n}.down_proj.weight"], "mixer.experts.down_proj"),
)


class NemotronHMamba2Mixer(StateSpaceMixer):
    """Mamba 2's mixer, whose last projection starts smaller the more layers there are, with `rescale_prenorm_residual`."""

    def __init__(self, config: NemotronHConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        if config.rescale_prenorm_residual:
            bound = (self.space.inner * config.num_hidden_layers) ** -0.5
            self.starts = {**self.starts, "out_proj.weight": uniform(bound)}


class NemotronHAttention(LlamaAttention):
    """Attention without positions and biases."""

    bias = False


class NemotronHMLP(LlamaMLP):
    """down(act(up(x)))."""

    gate_name = None


class NemotronHExperts(PlainExperts):
    """The experts; `hidden_dim` is of the states of the blocks, which may be wider than what the experts see."""

    hidden_dim: int = 0


class NemotronHMoE(SharedMixture):
    """Experts without gates, which may work on narrower states, and an MLP for every token."""

    shared_class = NemotronHMLP

    def __init__(self, config: NemotronHConfig) -> None:
        super().__init__(config)
        size, inner, bias = config.hidden_size, config.moe_latent_size, config.mlp_bias
        self.fc1_latent_proj = nn.Identity() if inner is None else nn.Linear(size, inner, bias=bias)
        self.fc2_latent_proj = nn.Identity() if inner is None else nn.Linear(inner, size, bias=bias)

    def shared_width(self, config: DecoderConfig) -> int:
        return int(config.declared("moe_shared_expert_intermediate_size"))

    def make_experts(self, config: DecoderConfig, count: int) -> Experts:
        size, inner = config.declared("moe_latent_size") or config.hidden_size, config.declared("moe_intermediate_size")
        experts = NemotronHExperts(count, size, inner, config.hidden_act)
        experts.hidden_dim = config.hidden_size
        return experts

    def mixed(self, states: Tensor, shares: Tensor, experts: Tensor) -> Tensor:
        output: Tensor = self.fc2_latent_proj(super().mixed(self.fc1_latent_proj(states), shares, experts))
        return output


MIXERS = {"linear_attention": NemotronHMamba2Mixer, "full_attention": NemotronHAttention}
MLPS = {"mlp": NemotronHMLP, "moe": NemotronHMoE}


class NemotronHBlock(Layer):
    """x + mixer(norm(x)), whatever the mixer is."""

    def __init__(self, config: NemotronHConfig, layer_idx: int) -> None:
        super().__init__()
        kind = config.layer_kinds()[layer_idx]
        self.layer_idx, self.looks_back = layer_idx, kind in MIXERS
        self.norm = FullPrecisionRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mixer = MIXERS[kind](config, layer_idx) if kind in MIXERS else MLPS[kind](config)

    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        states = self.norm(x)
        if not self.looks_back and cache is not None:
            recurrent_layer(cache, self.layer_idx, x.device).count(x.shape[1])
        output: Tensor = x + (self.mixer(states, mask, cache) if self.looks_back else self.mixer(states))
        return output


class NemotronHModel(MixtralModel):
    """Nemotron-H without a head."""

    embedding_name = "embeddings"
    zero_padding = False
    norm_class = FullPrecisionRMSNorm
