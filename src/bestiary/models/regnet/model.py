"""The modules of RegNet that ResNet does not have. Parameter names are the published ones."""

from torch import Tensor, nn

from ...nn.activations import activation
from ...nn.patches import check_pixels
from ..resnet.model import ResNetConvLayer
from . import RegNetConfig


class RegNetEmbeddings(nn.Module):
    """The stem: a convolution of 3x3 that halves the image."""

    def __init__(self, config: RegNetConfig) -> None:
        super().__init__()
        self.embedder = ResNetConvLayer(config.num_channels, config.embedding_size, 3, 2, config.hidden_act)
        self.num_channels = config.num_channels

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        pixels = check_pixels(pixel_values, self.num_channels, 1, None)
        output: Tensor = self.embedder(pixels.to(self.embedder.convolution.weight.dtype))
        return output


class RegNetSELayer(nn.Module):
    """Squeeze and excitation: each channel times a number in 0..1 that the means of all channels decide (Hu et al. 2018)."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.pooler = nn.AdaptiveAvgPool2d(1)
        self.attention = nn.Sequential(nn.Conv2d(size, inner, 1), nn.ReLU(), nn.Conv2d(inner, size, 1), nn.Sigmoid())

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = hidden_state * self.attention(self.pooler(hidden_state))
        return output


class RegNetLayer(nn.Module):
    """act(convolutions(x) + shortcut(x)); the shortcut is a convolution where the shape changes."""

    def __init__(self, config: RegNetConfig, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        changes, act = inner != outer or stride != 1, config.hidden_act
        self.shortcut = ResNetConvLayer(inner, outer, 1, stride) if changes else nn.Identity()
        groups = max(1, outer // config.groups_width)
        self.layer = nn.Sequential(
            ResNetConvLayer(inner, outer, 1, act=act),
            ResNetConvLayer(outer, outer, 3, stride, act, groups),
            *([RegNetSELayer(outer, round(inner / 4))] if config.layer_type == "y" else []),
            ResNetConvLayer(outer, outer, 1),
        )
        self.activation = activation(act)

    def forward(self, hidden_state: Tensor) -> Tensor:
        return self.activation(self.layer(hidden_state) + self.shortcut(hidden_state))
