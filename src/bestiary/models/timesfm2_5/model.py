"""The modules of TimesFM 2.5. Parameter names are the published ones."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.recording import Stack
from ...modeling.rotary import rotary_modules, rotary_states
from ...nn.activations import activation
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.norm import RMSNorm
from ...nn.rope import rotate_both
from ..timesfm.model import TimesFmAttention, TimesFmResidualBlock, patches_of
from . import TimesFm2_5Config

TOLERANCE = 1e-6


@dataclass
class TimesFm2_5Output(ModelOutput):
    """`last_hidden_state` (B, P, D); `context_mu` and `context_sigma` (B, P), mean and deviation of values up to each patch.

    `loc` and `scale` (B,) are the last of these.
    """

    last_hidden_state: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None
    context_mu: Tensor | None = None
    context_sigma: Tensor | None = None


class TimesFm2_5MLP(nn.Module):
    """ff1(act(ff0(x)))."""

    def __init__(self, config: TimesFm2_5Config) -> None:
        super().__init__()
        self.activation_fn = activation(config.activation)
        self.ff0 = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.use_bias)
        self.ff1 = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.use_bias)

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.ff1(self.activation_fn(self.ff0(hidden_states)))
        return output


class TimesFm2_5ResidualBlock(TimesFmResidualBlock):
    """TimesFM's block with the activation that the config names; from states (..., D) through D to `output_dims`."""

    def __init__(self, config: TimesFm2_5Config, input_dims: int, output_dims: int, bias: bool = False) -> None:
        super().__init__(input_dims, config.hidden_size, output_dims, bias)
        self.activation = activation(config.activation)


class TimesFm2_5Attention(TimesFmAttention):
    """TimesFM's attention, whose queries and keys turn and are normed."""

    def __init__(self, config: TimesFm2_5Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx, config.num_key_value_heads, config.attention_bias)
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.q_proj.out_features // self.k_proj.out_features

    def placed(self, query: Tensor, key: Tensor, rotary: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        if rotary is not None:
            query, key = rotate_both(query, key, *rotary)
        return self.q_norm(query), self.k_norm(key)


class TimesFm2_5DecoderLayer(Layer):
    """x + norm(attention(norm(x))), then x + norm(mlp(norm(x)))."""

    def __init__(self, config: TimesFm2_5Config, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = TimesFm2_5Attention(config, layer_idx)
        self.mlp = TimesFm2_5MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.pre_feedforward_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_feedforward_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: None = None, *, rotary: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.post_attention_layernorm(self.self_attn(self.input_layernorm(x), mask, rotary=rotary))
        output: Tensor = x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))
        return output


class TimesFm2_5PreTrainedModel(PreTrainedModel):
    """What all TimesFM 2.5 classes share."""

    config_class = TimesFm2_5Config
    base_model_prefix = "model"
    main_input_name = "past_values"
    stacks = {"": Stack("layers", once=True)}
    _no_split_modules = ["TimesFm2_5DecoderLayer"]
    config: TimesFm2_5Config


def running_mean_and_deviation(patches: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Those (B, P) of the `real` values of patches (B, P, N) up to each, put together as in Chan et al. 1983; 0 of none."""
    count = real.sum(-1).to(patches.dtype)
    mean = (patches * real).sum(-1) / count.clamp(min=1)
    squares = ((patches - mean[..., None]) * real).square().sum(-1)
    counts = count.cumsum(-1)
    means = (mean * count).cumsum(-1) / counts.clamp(min=1)
    before = nn.functional.pad(means[:, :-1], (1, 0))
    moved = (counts - count) * (before - means).square() + count * (mean - means).square()
    return means, ((squares + moved).cumsum(-1) / counts.clamp(min=1)).sqrt()


def standardised(values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """(values - mean) / deviation, or values - mean where nothing deviates."""
    return (values - mean) / deviation.masked_fill(deviation < TOLERANCE, 1.0)


class TimesFm2_5Model(TimesFm2_5PreTrainedModel):
    """TimesFM 2.5 without a head."""

    def __init__(self, config: TimesFm2_5Config) -> None:
        super().__init__(config)
        self.input_ff_layer = TimesFm2_5ResidualBlock(config, 2 * config.patch_length, config.hidden_size, bias=True)
        self.layers = nn.ModuleList(TimesFm2_5DecoderLayer(config, index) for index in range(config.num_hidden_layers))
        self.rotary_emb = rotary_modules(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.input_ff_layer

    def forward(self, past_values: Tensor, past_values_padding: Tensor | None = None) -> TimesFm2_5Output:
        """Args:
        past_values: (B, T), T a multiple of `patch_length`. past_values_padding: (B, T), 1 where they are padding.
        """
        patches, padding = patches_of(self, past_values, past_values_padding)
        hidden = padding >= 0.5
        mean, deviation = running_mean_and_deviation(patches, ~hidden)
        scaled = standardised(patches, mean[..., None], deviation[..., None]).masked_fill(hidden, 0.0)
        x = self.input_ff_layer(torch.cat([scaled, hidden.to(scaled.dtype)], dim=-1))
        real = ~hidden[..., -1]
        places = torch.arange(x.shape[1], device=x.device) - (~real).sum(-1, keepdim=True)
        rotary = rotary_states(self.rotary_emb, places, x.dtype)
        mask = make_mask(x.shape[1], x.device, real, causal=True, name="past_values_padding")
        for layer, kind in zip(self.layers, self.config.layer_kinds(), strict=True):
            x = layer(x, mask, rotary=rotary[kind])
        loc, scale = mean[:, -1], deviation[:, -1].clamp(min=TOLERANCE)
        return TimesFm2_5Output(x, loc=loc, scale=scale, context_mu=mean, context_sigma=deviation)
