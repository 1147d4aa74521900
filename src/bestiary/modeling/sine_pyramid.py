"""A feature pyramid (Lin et al. 2017) whose maps come with sines and cosines of their places, as SAM 2 has it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..nn.grid_positions import sine_positions


class SinePyramid(nn.Module):
    """A convolution for each stage, the coarsest first; to the maps of `fpn_top_down_levels` the coarser one is added."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config, width = config, config.fpn_hidden_size
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, width, config.fpn_kernel_size, config.fpn_stride, config.fpn_padding)
            for channels in config.backbone_channel_list
        )
        self.fpn_top_down_levels = config.fpn_top_down_levels

    def forward(self, hidden_states: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Maps (B, Y, X, C), the finest first -> those of the pyramid (B, D, y, x), the coarsest first, and their positions."""
        fused: list[Tensor] = []
        for level, (each, convolution) in enumerate(zip(reversed(hidden_states), self.convs, strict=True)):
            x = convolution(each.permute(0, 3, 1, 2))
            if fused and len(hidden_states) - 1 - level in self.fpn_top_down_levels:
                x = x + interpolate(fused[-1].float(), scale_factor=2.0, mode="nearest").to(x.dtype)
            fused.append(x)
        return tuple(fused), tuple(map(map_sines, fused))


def map_sines(x: Tensor) -> Tensor:
    """Sines and cosines of the places of maps (B, D, Y, X), of the same shape."""
    real = torch.ones(x.shape[0], *x.shape[2:], dtype=torch.bool, device=x.device)
    return sine_positions(real, x.shape[1]).permute(0, 3, 1, 2).to(x.dtype)
