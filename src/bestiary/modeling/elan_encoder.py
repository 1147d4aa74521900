"""D-FINE's hybrid encoder: blocks that keep what each of their parts gives. Parameter names are the published ones.

Wang et al. 2024 ("YOLOv9", section 4.2: GELAN); Peng et al. 2024 ("D-FINE"), appendix A.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .hybrid_encoder import ConvNorm, CSPRepLayer, HybridEncoder


class ShrinkingConv(nn.Module):
    """A convolution of 1x1, and one of every channel alone that halves the map; neither has an activation."""

    def __init__(self, config: Any, size: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvNorm(config, size, size, 1), ConvNorm(config, size, size, 3, 2, groups=size)

    def forward(self, input_features: Tensor) -> Tensor:
        output: Tensor = self.conv2(self.conv1(input_features))
        return output


class ElanBlock(nn.Module):
    """Both halves of the channels, and what two rows of blocks make of the second, one behind the other, as one map.

    Class attribute `block_class`: the rows of blocks.
    """

    block_class: ClassVar[type[CSPRepLayer]] = CSPRepLayer

    def __init__(self, config: Any, inner: int, blocks: int) -> None:
        super().__init__()
        size, act = config.encoder_hidden_dim, config.activation_function
        middle = round(config.hidden_expansion * size // 2)
        self.conv1 = ConvNorm(config, inner, 2 * size, 1, act=act)
        self.csp_rep1 = self.block_class(config, size, middle, blocks, 1.0)
        self.conv2 = ConvNorm(config, middle, middle, 3, act=act)
        self.csp_rep2 = self.block_class(config, middle, middle, blocks, 1.0)
        self.conv3 = ConvNorm(config, middle, middle, 3, act=act)
        self.conv4 = ConvNorm(config, 2 * size + 2 * middle, size, 1, act=act)

    def forward(self, input_features: Tensor) -> Tensor:
        """(B, C, y, x) -> (B, D, y, x)."""
        both = self.conv1(input_features)
        first = self.conv2(self.csp_rep1(both.chunk(2, dim=1)[1]))
        output: Tensor = self.conv4(torch.cat((both, first, self.conv3(self.csp_rep2(first))), dim=1))
        return output


class ElanEncoder(HybridEncoder):
    """Attention within maps, then a pyramid from the smallest to the largest and back."""

    def lateral(self, config: Any, size: int, act: str | None) -> nn.Module:
        return super().lateral(config, size, None)

    def block(self, config: Any) -> nn.Module:
        return ElanBlock(config, 2 * config.encoder_hidden_dim, round(3 * config.depth_mult))

    def shrink(self, config: Any) -> nn.Module:
        return ShrinkingConv(config, config.encoder_hidden_dim)
