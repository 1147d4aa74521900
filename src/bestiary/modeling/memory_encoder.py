"""What is remembered of a frame: its map, and the mask of an object in it (Ravi et al. 2024, SAM 2, "memory encoder")."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.channel_norm import ChannelNorm
from ..nn.init import Starting, constant
from .sine_pyramid import map_sines


class MaskStep(nn.Module):
    """act(norm(convolution)), a coarser mask of more channels."""

    def __init__(self, config: Any, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inner,
            outer,
            config.mask_downsampler_kernel_size,
            config.mask_downsampler_stride,
            config.mask_downsampler_padding,
        )
        self.layer_norm = ChannelNorm(outer, 1e-6)
        self.activation = activation(config.mask_downsampler_hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.activation(self.layer_norm(self.conv(x)))
        return output


class MaskSteps(nn.Module):
    """Masks (B, 1, Y, X) as coarse as maps, (B, D, y, x)."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        stride, total = config.mask_downsampler_stride, config.mask_downsampler_total_stride
        widths = [stride ** (2 * step) for step in range(round(math.log(total, stride)) + 1)]
        self.layers = nn.ModuleList(MaskStep(config, inner, outer) for inner, outer in pairwise(widths))
        self.activation = activation(config.mask_downsampler_hidden_act)
        self.final_conv = nn.Conv2d(widths[-1], config.mask_downsampler_embed_dim, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        output: Tensor = self.final_conv(x)
        return output


class FusingBlock(Starting):
    """x + scale * mlp(norm(depthwise convolution)) (Liu et al. 2022, ConvNeXt)."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        size, kernel, start = (
            config.memory_fuser_embed_dim,
            config.memory_fuser_kernel_size,
            config.memory_fuser_layer_scale_init_value,
        )
        self.depthwise_conv = nn.Conv2d(size, size, kernel, padding=config.memory_fuser_padding, groups=size)
        self.layer_norm = ChannelNorm(size, 1e-6)
        self.activation = activation(config.memory_fuser_hidden_act)
        self.pointwise_conv1 = nn.Linear(size, config.memory_fuser_intermediate_dim)
        self.pointwise_conv2 = nn.Linear(config.memory_fuser_intermediate_dim, size)
        self.scale = nn.Parameter(torch.full((size,), float(start)))
        self.starts = {"scale": constant(start)}

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> the same shape."""
        x = self.layer_norm(self.depthwise_conv(hidden_states)).permute(0, 2, 3, 1)
        x = self.scale * self.pointwise_conv2(self.activation(self.pointwise_conv1(x)))
        output: Tensor = hidden_states + x.permute(0, 3, 1, 2)
        return output


class Fuser(nn.Module):
    """The blocks that join map and mask."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(FusingBlock(config) for _ in range(config.memory_fuser_num_layers))

    def forward(self, hidden_states: Tensor) -> Tensor:
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states


class MemoryEncoder(nn.Module):
    """A map and a mask joined to what is remembered."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        size = config.memory_encoder_hidden_size
        self.mask_downsampler = MaskSteps(config)
        self.feature_projection = nn.Conv2d(size, size, kernel_size=1)
        self.memory_fuser = Fuser(config)
        self.projection = nn.Conv2d(size, config.memory_encoder_output_channels, kernel_size=1)

    def forward(self, vision_features: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, D, y, x), masks (B, 1, Y, X) -> memories and their positions (B, C, y, x)."""
        x = self.feature_projection(vision_features) + self.mask_downsampler(masks)
        x = self.projection(self.memory_fuser(x))
        return x, map_sines(x)
