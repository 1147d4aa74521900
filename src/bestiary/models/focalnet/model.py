"""The modules of FocalNet that Swin does not have. Parameter names are the published ones. States are maps (B, Y, X, C)."""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import BackboneOutput
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.patch_embeddings import with_mask_token
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.init import Starting, constant
from ...nn.layer import Layer
from ...nn.patches import check_pixels, grid, pair
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from ..swin.model import SwinModel, SwinPreTrainedModel
from . import FocalNetConfig

GROWTH = 2  # by how much each convolution is wider than the one before


class FocalNetPatchEmbeddings(nn.Module):
    """Neighbours become one patch by a convolution; maps are padded with zeros to whole patches.

    Args:
        stage: the number of the stage behind which it stands; None for the stem, which has no norm.
    """

    num_channels = Alias("projection.in_channels")

    def __init__(self, config: FocalNetConfig, inner: int, outer: int, stage: int | None = None) -> None:
        super().__init__()
        is_stem, first = stage is None, grid(config.image_size, config.patch_size)
        self.patch_size = pair(config.patch_size if is_stem else 2)
        self.num_patches = math.prod(first if stage is None else (length // 2 ** (stage + 1) for length in first))
        kernel, stride, padding = self.patch_size, self.patch_size, 0
        if config.use_conv_embed:
            kernel, stride, padding = ((7, 7), (4, 4), 2) if is_stem else ((3, 3), (2, 2), 1)
        self.projection = nn.Conv2d(inner, outer, kernel_size=kernel, stride=stride, padding=padding)
        self.norm = None if is_stem else nn.LayerNorm(outer, config.layer_norm_eps)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, y, x, D)."""
        down, across = (-length % patch for length, patch in zip(pixel_values.shape[-2:], self.patch_size, strict=True))
        x = nn.functional.pad(pixel_values, (0, across, 0, down)) if down or across else pixel_values
        x = self.projection(x.to(self.projection.weight.dtype)).permute(0, 2, 3, 1)
        output: Tensor = x if self.norm is None else self.norm(x)
        return output


class FocalNetEmbeddings(Starting):
    """The patches through a norm, some of them replaced by a mask token."""

    def __init__(self, config: FocalNetConfig, use_mask_token: bool = False) -> None:
        super().__init__()
        size = config.embed_dim
        self.num_channels = config.num_channels
        self.patch_embeddings = FocalNetPatchEmbeddings(config, config.num_channels, size)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size)) if use_mask_token else None
        self.norm = nn.LayerNorm(size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.starts = {"mask_token": constant(0.0)} if use_mask_token else {}

    def forward(
        self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None, interpolate_pos_encoding: bool = False
    ) -> Tensor:
        """(B, C, Y, X) and the masked patches (B, patches) -> (B, y, x, D). There are no positions to interpolate."""
        x = self.norm(self.patch_embeddings(check_pixels(pixel_values, self.num_channels, 1, None)))
        if bool_masked_pos is not None and self.mask_token is None:
            raise InputError("bool_masked_pos needs a mask token; build the model with use_mask_token=True")
        tokens = x.flatten(1, 2)
        if self.mask_token is not None:
            tokens = with_mask_token(tokens, bool_masked_pos, self.mask_token)
        output: Tensor = self.dropout(tokens.reshape(*x.shape[:3], -1))
        return output


class FocalNetModulation(nn.Module):
    """q * h(sum of gate * context) of each place; a context is what one convolution more saw, the last one the whole map."""

    def __init__(self, config: FocalNetConfig, stage: int, size: int) -> None:
        super().__init__()
        self.levels, window = config.focal_levels[stage], config.focal_windows[stage]
        self.is_mean, self.size = config.normalize_modulator, size
        self.projection_in = nn.Linear(size, 2 * size + self.levels + 1)
        self.projection_context = nn.Conv2d(size, size, kernel_size=1)
        self.activation = nn.GELU()
        self.projection_out = nn.Linear(size, size)
        self.projection_dropout = nn.Dropout(config.hidden_dropout_prob)
        kernels = [window + GROWTH * level for level in range(self.levels)]
        self.focal_layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(size, size, kernel, padding=kernel // 2, groups=size, bias=False), nn.GELU())
            for kernel in kernels
        )
        self.layernorm = nn.LayerNorm(size, config.layer_norm_eps) if config.use_post_layernorm_in_modulation else None

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, Y, X, C)."""
        x = self.projection_in(hidden_state).permute(0, 3, 1, 2)
        query, context, gates = x.split((self.size, self.size, self.levels + 1), dim=1)
        gathered = torch.zeros_like(query)
        for level, layer in enumerate(self.focal_layers):
            context = layer(context)
            gathered = gathered + context * gates[:, level : level + 1]
        gathered = gathered + self.activation(context.mean((2, 3), keepdim=True)) * gates[:, self.levels :]
        if self.is_mean:
            gathered = gathered / (self.levels + 1)
        x = (query * self.projection_context(gathered)).permute(0, 2, 3, 1)
        x = x if self.layernorm is None else self.layernorm(x)
        output: Tensor = self.projection_dropout(self.projection_out(x))
        return output


class FocalNetMlp(nn.Module):
    """fc2(act(fc1(x))), both of whose results lose some numbers in training."""

    def __init__(self, config: FocalNetConfig, size: int) -> None:
        super().__init__()
        inner = int(size * config.mlp_ratio)
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.activation = activation(config.hidden_act)
        self.drop = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.drop(self.fc2(self.drop(self.activation(self.fc1(hidden_state)))))
        return output


class FocalNetLayer(Layer, Starting):
    """x + scale1 * modulation(norm1(x)), then x + scale2 * mlp(norm2(x)), or with the norms behind."""

    def __init__(self, config: FocalNetConfig, stage: int, rate: float) -> None:
        super().__init__()
        size = config.embed_dim * 2**stage
        self.is_behind, self.scales = config.use_post_layernorm, config.use_layerscale
        self.norm1 = nn.LayerNorm(size, config.layer_norm_eps)
        self.modulation = FocalNetModulation(config, stage, size)
        self.drop_path = StochasticDepth(rate)
        self.norm2 = nn.LayerNorm(size, config.layer_norm_eps)
        self.mlp = FocalNetMlp(config, size)
        if self.scales:
            self.gamma_1, self.gamma_2 = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))
            self.starts = dict.fromkeys(("gamma_1", "gamma_2"), constant(config.layerscale_value))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, Y, X, C)."""
        x = hidden_states
        x = x + self.scaled(self.norm1(self.modulation(x)) if self.is_behind else self.modulation(self.norm1(x)), "gamma_1")
        return x + self.scaled(self.norm2(self.mlp(x)) if self.is_behind else self.mlp(self.norm2(x)), "gamma_2")

    def scaled(self, x: Tensor, name: str) -> Tensor:
        """What a half adds, times its trained numbers."""
        output: Tensor = self.drop_path(self.get_parameter(name) * x if self.scales else x)
        return output


class FocalNetStage(nn.Module):
    """Blocks of one width; behind them, but for the last stage, patches are joined."""

    def __init__(self, config: FocalNetConfig, stage: int, rates: list[float]) -> None:
        super().__init__()
        size, is_last = config.embed_dim * 2**stage, stage + 1 == len(config.depths)
        self.layers = nn.ModuleList(FocalNetLayer(config, stage, rate) for rate in rates)
        self.downsample = None if is_last else FocalNetPatchEmbeddings(config, size, 2 * size, stage)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, Y/2, X/2, 2C), rounded up."""
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states if self.downsample is None else self.downsample(hidden_states.permute(0, 3, 1, 2))


class FocalNetEncoder(nn.Module):
    """All stages."""

    gradient_checkpointing = Alias("stages.0.layers.0.gradient_checkpointing")

    def __init__(self, config: FocalNetConfig) -> None:
        super().__init__()
        rates = iter(rising_rates(config.drop_path_rate, sum(config.depths)))
        self.stages = nn.ModuleList(
            FocalNetStage(config, stage, [next(rates) for _ in range(depth)]) for stage, depth in enumerate(config.depths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, Y, X, C) -> the last stage's map."""
        for stage in self.stages:
            x = stage(x)
        return x

    def all_maps(self, x: Tensor) -> list[Tensor]:
        """The map that comes in and the one behind each stage."""
        states = [x]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states


class FocalNetBackbone(SwinPreTrainedModel, Backbone):
    """FocalNet whose output is the maps of the stages in `config.out_features`, once patches are joined."""

    model_class: ClassVar[type[PreTrainedModel]] = SwinModel
    config: Any

    def __init__(self, config: FocalNetConfig) -> None:
        super().__init__(config)
        self.focalnet: Any = self.model_class(config)

    @property
    def num_features(self) -> list[int]:
        widths = [self.config.embed_dim * 2**stage for stage in range(len(self.config.depths))]
        return [*widths, widths[-1]]

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        states = self.focalnet.encoder.all_maps(self.focalnet.embeddings(pixel_values))
        return self.feature_maps([state.permute(0, 3, 1, 2) for state in states])

    def _arrange_recorded(self, output: Any) -> None:
        if output.hidden_states is not None:
            output.hidden_states = tuple(state.flatten(1, 2) for state in output.hidden_states)
