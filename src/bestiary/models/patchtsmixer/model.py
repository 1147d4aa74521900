"""The modules of PatchTSMixer. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import gelu

from ...core.outputs import ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.patched_series import PatchAttention, PatchedSeriesModel, PatchPositions, StepNorm
from ...modeling.recording import Stack
from ...nn.layer import Layer
from . import PatchTSMixerConfig


@dataclass
class PatchTSMixerEncoderOutput(ModelOutput):
    """`last_hidden_state` (B, C, P, D); `hidden_states` are those behind each layer."""

    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None


@dataclass
class PatchTSMixerModelOutput(ModelOutput):
    """`last_hidden_state` (B, C, P, D); `patch_input` (B, C, P, length) and its `mask` (B, C, P); `loc`, `scale` (B, 1, C)."""

    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    patch_input: Tensor | None = None
    mask: Tensor | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None


class PatchTSMixerGatedAttention(nn.Module):
    """Each number of (..., F) times its share: x * softmax(linear(x))."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.attn_layer = nn.Linear(size, size)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = inputs * self.attn_layer(inputs).softmax(dim=-1)
        return output


class PatchTSMixerNormLayer(nn.Module):
    """A norm of states (B, C, P, D): layer norm, or batch norm over all steps."""

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__()
        kind = StepNorm if config.norm_mlp.lower().startswith("batch") else nn.LayerNorm
        self.norm = kind(config.d_model, eps=config.norm_eps)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.norm(inputs)
        return output


class PatchTSMixerMLP(nn.Module):
    """fc2(gelu(fc1(x))) over the last dimension."""

    def __init__(self, size: int, config: PatchTSMixerConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size, size * config.expansion_factor)
        self.fc2 = nn.Linear(size * config.expansion_factor, size)
        self.dropout1, self.dropout2 = nn.Dropout(config.dropout), nn.Dropout(config.dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.dropout2(self.fc2(self.dropout1(gelu(self.fc1(inputs)))))
        return output


class MixerBlock(nn.Module):
    """x + gate(mlp(norm(x))) over one dimension of states (B, C, P, D), which has `size` places."""

    dimension = -1

    def __init__(self, size: int, config: PatchTSMixerConfig) -> None:
        super().__init__()
        self.norm = PatchTSMixerNormLayer(config)
        self.mlp = PatchTSMixerMLP(size, config)
        self.gating_block = PatchTSMixerGatedAttention(size) if config.gated_attn else None

    def mixed(self, x: Tensor) -> Tensor:
        """gate(mlp(x)) over the dimension."""
        x = self.mlp(x.transpose(self.dimension, -1))
        x = x if self.gating_block is None else self.gating_block(x)
        return x.transpose(self.dimension, -1)

    def forward(self, hidden: Tensor) -> Tensor:
        output: Tensor = hidden + self.mixed(self.norm(hidden))
        return output


class FeatureMixerBlock(MixerBlock):
    """Mixes the width of each state."""


class PatchTSMixerChannelFeatureMixerBlock(MixerBlock):
    """Mixes the series; here the gate comes first."""

    dimension = 1

    def mixed(self, x: Tensor) -> Tensor:
        x = x.transpose(1, -1)
        mixed: Tensor = self.mlp(x if self.gating_block is None else self.gating_block(x))
        return mixed.transpose(1, -1)


class PatchMixerBlock(MixerBlock):
    """Mixes the patches; with `self_attn`, attention between them is added."""

    dimension = 2

    def __init__(self, size: int, config: PatchTSMixerConfig) -> None:
        super().__init__(size, config)
        if config.self_attn:
            self.self_attn_layer = PatchAttention(config.d_model, config.self_attn_heads, config.dropout)
            self.norm_attn = PatchTSMixerNormLayer(config)
        self.attends = config.self_attn

    def forward(self, hidden_state: Tensor) -> Tensor:
        if not self.attends:
            return super().forward(hidden_state)
        normed = self.norm(hidden_state)
        attended = self.self_attn_layer(normed.flatten(0, 1), recorded=False).view(hidden_state.shape)
        output: Tensor = hidden_state + self.norm_attn(self.mixed(normed) + attended)
        return output


class PatchTSMixerLayer(Layer):
    """Perhaps the series, then the patches, then the width."""

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__()
        self.patch_mixer = PatchMixerBlock(config.patch_count, config)
        self.feature_mixer = FeatureMixerBlock(config.d_model, config)
        several = config.mode == "mix_channel"
        self.channel_feature_mixer = (
            PatchTSMixerChannelFeatureMixerBlock(config.num_input_channels, config) if several else None
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, C, P, D) -> (B, C, P, D)."""
        hidden = hidden if self.channel_feature_mixer is None else self.channel_feature_mixer(hidden)
        output: Tensor = self.feature_mixer(self.patch_mixer(hidden))
        return output


class PatchTSMixerBlock(nn.Module):
    """All layers."""

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__()
        self.mixers = nn.ModuleList(PatchTSMixerLayer(config) for _ in range(config.num_layers))

    def forward(self, x: Tensor) -> Tensor:
        for mixer in self.mixers:
            x = mixer(x)
        return x


class PatchTSMixerPositionalEncoding(PatchPositions):
    """Adds positions."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, P, D) -> (B, C, P, D)."""
        return x + self.position_enc


class PatchTSMixerPreTrainedModel(PreTrainedModel):
    """What all PatchTSMixer classes share."""

    config_class = PatchTSMixerConfig
    base_model_prefix = "model"
    main_input_name = "past_values"
    stacks = {"": Stack("encoder.mlp_mixer_encoder.mixers", outputs=True, entry=False, complete=False)}
    _no_split_modules = ["PatchTSMixerLayer"]
    config: Any


class PatchTSMixerEncoder(PatchTSMixerPreTrainedModel):
    """Embedding, perhaps positions, and layers."""

    stacks = {"": Stack("mlp_mixer_encoder.mixers", outputs=True, entry=False, complete=False)}

    def __init__(self, config: PatchTSMixerConfig) -> None:
        super().__init__(config)
        self.patcher = nn.Linear(config.patch_length, config.d_model)
        sizes = config.positional_encoding_type, config.patch_count, config.d_model
        self.positional_encoder = PatchTSMixerPositionalEncoding(*sizes, 0.1) if config.use_positional_encoding else None
        self.mlp_mixer_encoder = PatchTSMixerBlock(config)

    def forward(self, past_values: Tensor) -> PatchTSMixerEncoderOutput:
        """past_values: patches (B, C, P, length)."""
        x = self.patcher(past_values)
        x = x if self.positional_encoder is None else self.positional_encoder(x)
        return PatchTSMixerEncoderOutput(self.mlp_mixer_encoder(x))


class PatchTSMixerModel(PatchedSeriesModel, PatchTSMixerPreTrainedModel):
    """The encoder without a head; with `mask_input` some patches are hidden."""

    usual_scaling = "std"

    def __init__(self, config: PatchTSMixerConfig, mask_input: bool = False) -> None:
        super().__init__(config, mask_input)
        self.encoder = PatchTSMixerEncoder(config)

    def forward(self, past_values: Tensor | None = None, observed_mask: Tensor | None = None) -> PatchTSMixerModelOutput:
        """past_values: (B, context_length, C), missing ones 0. observed_mask: the same, 0 where a value is missing."""
        patches = self.patches(past_values, observed_mask, "observed_mask")
        x = self.encoder(patches.read, return_dict=True).last_hidden_state
        return PatchTSMixerModelOutput(x, None, patches.whole, patches.mask, patches.loc, patches.scale)
