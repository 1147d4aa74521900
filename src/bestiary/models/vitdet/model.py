"""The modules of ViTDet. Parameter names are the published ones. States are maps (B, C, Y, X)."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutput
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.global_windows import MapAttention, in_windows
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.channel_norm import ChannelNorm
from ...nn.init import Start, Starting, constant, truncated_normal
from ...nn.layer import Layer
from ...nn.patches import check_pixels, grid, pair, stretch
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import VitDetConfig


class VitDetEmbeddings(Starting):
    """Each patch flattened and projected, plus learned positions, as a map."""

    num_channels = Alias("projection.in_channels")

    @property
    def num_patches(self) -> int:
        """Patches of an image of the size that positions were trained on."""
        return self.grid[0] * self.grid[1]

    def __init__(self, config: VitDetConfig) -> None:
        super().__init__()
        self.config, patch = config, pair(config.patch_size)
        self.grid = grid(config.pretrain_image_size, config.patch_size)
        self.position_embeddings = None
        if config.use_absolute_position_embeddings:
            places = self.num_patches + 1  # the first one was a class token's
            self.position_embeddings = nn.Parameter(torch.zeros(1, places, config.hidden_size))
            self.starts = {"position_embeddings": truncated_normal(config.initializer_range, 2.0)}
        self.projection = nn.Conv2d(config.num_channels, config.hidden_size, kernel_size=patch, stride=patch)

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, D, y, x)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, self.config.patch_size, None)
        x: Tensor = self.projection(pixels.to(self.projection.weight.dtype))
        if self.position_embeddings is None:
            return x
        places = stretch(self.position_embeddings[0, 1:], self.grid, (x.shape[2], x.shape[3]), leading=0, precise=False)
        output: Tensor = x + places.t().unflatten(1, x.shape[2:])
        return output


class VitDetMlp(nn.Module):
    """fc2(act(fc1(x))), both of whose results lose some numbers in training."""

    def __init__(self, config: VitDetConfig) -> None:
        super().__init__()
        size, inner = config.hidden_size, int(config.hidden_size * config.mlp_ratio)
        self.fc1, self.act = nn.Linear(size, inner), activation(config.hidden_act)
        self.fc2, self.drop = nn.Linear(inner, size), nn.Dropout(config.dropout_prob)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))
        return output


class VitDetLayerNorm(ChannelNorm):
    """Layer norm over channels that, as published, rounds behind each step, which half precision shows."""

    def __init__(self, size: int) -> None:
        super().__init__(size, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> the same shape."""
        apart = x - x.mean(1, keepdim=True)
        normed = apart / (apart.square().mean(1, keepdim=True) + self.eps).sqrt()
        return self.weight[:, None, None] * normed + self.bias[:, None, None]


class VitDetResBottleneckBlock(nn.Module):
    """x + three convolutions, the middle one half as wide (He et al. 2016), a norm behind each."""

    def __init__(self, config: VitDetConfig) -> None:
        super().__init__()
        size, half = config.hidden_size, config.hidden_size // 2
        self.conv1, self.norm1 = nn.Conv2d(size, half, 1, bias=False), VitDetLayerNorm(half)
        self.act1 = activation(config.hidden_act)
        self.conv2, self.norm2 = nn.Conv2d(half, half, 3, padding=1, bias=False), VitDetLayerNorm(half)
        self.act2 = activation(config.hidden_act)
        self.conv3, self.norm3 = nn.Conv2d(half, size, 1, bias=False), VitDetLayerNorm(size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> the same shape."""
        inner = self.act2(self.norm2(self.conv2(self.act1(self.norm1(self.conv1(x))))))
        output: Tensor = x + self.norm3(self.conv3(inner))
        return output


class VitDetLayer(Layer, Starting):
    """x + attention(norm(x)), in windows or everywhere, then x + mlp(norm(x)), and maybe convolutions.

    Args:
        rate: how often a half is left out in training. window: side of the windows, 0 for the whole map.
    """

    def __init__(self, config: VitDetConfig, rate: float, window: int, has_residual: bool) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        sides = (window, window) if window else grid(config.image_size, config.patch_size)
        self.norm1 = nn.LayerNorm(size, eps)
        self.attention = MapAttention(config, sides if config.use_relative_position_embeddings else None)
        self.drop_path = StochasticDepth(rate) if rate else nn.Identity()
        self.norm2 = nn.LayerNorm(size, eps)
        self.mlp = VitDetMlp(config)
        self.window_size = window
        self.residual = VitDetResBottleneckBlock(config) if has_residual else None
        spread, places = truncated_normal(config.initializer_range, 2.0), ("rel_pos_h", "rel_pos_w")
        self.starts: dict[str, Start] = {f"attention.{name}": spread for name in places if self.attention.use_rel_pos}
        if has_residual:
            convolutions = (f"residual.conv{number}.weight" for number in (1, 2, 3))
            self.starts |= dict.fromkeys(convolutions, lambda weight: nn.init.kaiming_normal_(weight, mode="fan_out"))
            self.starts["residual.norm3.weight"] = constant(0.0)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> the same shape."""
        x = hidden_states.permute(0, 2, 3, 1)
        x = x + self.drop_path(in_windows(self.attention, self.norm1(x), self.window_size))
        x = (x + self.drop_path(self.mlp(self.norm2(x)))).permute(0, 3, 1, 2)
        output: Tensor = x if self.residual is None else self.residual(x)
        return output


class VitDetEncoder(nn.Module):
    """The stack of blocks."""

    gradient_checkpointing = Alias("layer.0.gradient_checkpointing")

    def __init__(self, config: VitDetConfig) -> None:
        super().__init__()
        rates = rising_rates(config.drop_path_rate, config.num_hidden_layers)
        self.layer = nn.ModuleList(
            VitDetLayer(
                config,
                rate,
                config.window_size if number in config.window_block_indices else 0,
                number in config.residual_block_indices,
            )
            for number, rate in enumerate(rates)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> it, and what is behind each block."""
        states = [x]
        for layer in self.layer:
            states.append(layer(states[-1]))
        return states


class VitDetPreTrainedModel(PreTrainedModel):
    """What all ViTDet classes share."""

    config_class = VitDetConfig
    base_model_prefix = "vitdet"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer")}
    _no_split_modules = ["VitDetEmbeddings", "VitDetLayer"]
    config: Any


class VitDetModel(VitDetPreTrainedModel):
    """The encoder."""

    def __init__(self, config: VitDetConfig) -> None:
        super().__init__(config)
        self.embeddings = VitDetEmbeddings(config)
        self.encoder = VitDetEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.projection

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X), of any size. The states are maps (B, D, y, x)."""
        return BaseModelOutput(last_hidden_state=self.encoder(self.embeddings(pixel_values))[-1])


class VitDetBackbone(VitDetModel, Backbone):
    """ViTDet whose output is the maps of the blocks in `config.out_features`."""

    @property
    def num_features(self) -> list[int]:
        return [self.config.hidden_size] * (self.config.num_hidden_layers + 1)

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:  # type: ignore[override]
        """pixel_values: (B, C, Y, X), of any size."""
        return self.feature_maps(self.encoder(self.embeddings(pixel_values)))
