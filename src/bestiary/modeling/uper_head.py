"""Heads that label each place of an image from feature maps: UPerNet's (Xiao et al. 2018, "Unified perceptual parsing for
scene understanding") and, beside it in training, a fully convolutional one (Long et al. 2015)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..loading.rules import Rule, rename


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """A map (B, C, y, x), bilinear, as large as `like` (B, D, Y, X)."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class MapConvolution(nn.Module):
    """relu(norm(convolution)), as large as what comes in."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.normalization = nn.BatchNorm2d(out_channels)
        self.activation = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        output: Tensor = self.activation(self.normalization(self.convolution(features)))
        return output


class PyramidPoolingBlock(nn.Module):
    """A map made `scale` places wide and high by means, and brought to another width."""

    def __init__(self, scale: int, in_channels: int, channels: int) -> None:
        super().__init__()
        self.pooling = nn.AdaptiveAvgPool2d(scale)
        self.conv = MapConvolution(in_channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, scale, scale)."""
        output: Tensor = self.conv(self.pooling(features))
        return output


class PyramidPooling(nn.Module):
    """A map seen at several scales (Zhao et al. 2017, PSPNet)."""

    def __init__(self, scales: Sequence[int], in_channels: int, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(PyramidPoolingBlock(scale, in_channels, channels) for scale in scales)

    def forward(self, features: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> of each scale (B, D, Y, X)."""
        return [enlarged(block(features), features) for block in self.blocks]


class UperHead(nn.Module):
    """Logits of each place from maps, fine to coarse. Class attributes: classes of its parts, and a name.

    Args:
        in_channels: the channels of each map. channels: those of the head. scales: those of the pyramid over the last map.
    """

    convolution_class: ClassVar[type[nn.Module]] = MapConvolution
    pyramid_class: ClassVar[type[nn.Module]] = PyramidPooling
    bottleneck_name: ClassVar[str] = "psp_bottleneck"

    def __init__(self, in_channels: Sequence[int], channels: int, scales: Sequence[int], num_labels: int) -> None:
        super().__init__()
        *finer, last = in_channels
        convolution = self.convolution_class
        self.classifier = nn.Conv2d(channels, num_labels, 1)
        self.psp_modules = self.pyramid_class(scales, last, channels)
        self.add_module(self.bottleneck_name, convolution(last + len(scales) * channels, channels, 3))
        self.lateral_convs = nn.ModuleList(convolution(each, channels, 1) for each in finer)
        self.fpn_convs = nn.ModuleList(convolution(channels, channels, 3) for _ in finer)
        self.fpn_bottleneck = convolution(len(in_channels) * channels, channels, 3)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps (B, C, y, x) -> (B, N, Y, X), as fine as the first."""
        last = features[-1]
        maps = [convolve(x) for convolve, x in zip(self.lateral_convs, features[:-1], strict=True)]
        maps.append(self.get_submodule(self.bottleneck_name)(torch.cat((last, *self.psp_modules(last)), dim=1)))
        for place in range(len(maps) - 1, 0, -1):
            maps[place - 1] = maps[place - 1] + enlarged(maps[place], maps[place - 1])
        for place, convolve in enumerate(self.fpn_convs):
            maps[place] = convolve(maps[place])
        same_size = (maps[0], *(enlarged(x, maps[0]) for x in maps[1:]))
        output: Tensor = self.classifier(self.fpn_bottleneck(torch.cat(same_size, dim=1)))
        return output


class FullyConvolutionalHead(nn.Module):
    """Logits of each place from one map by `count` convolutions; with `joins_input` one more sees what came in as well."""

    convolution_class: ClassVar[type[nn.Module]] = MapConvolution

    def __init__(self, in_channels: int, channels: int, count: int, num_labels: int, joins_input: bool = False) -> None:
        super().__init__()
        widths = [in_channels, *[channels] * count]
        convolution = self.convolution_class
        self.convs = nn.Sequential(*(convolution(width, channels, 3) for width in widths[:-1]))
        self.conv_cat = convolution(in_channels + widths[-1], channels, 3) if joins_input else None
        self.classifier = nn.Conv2d(channels if joins_input else widths[-1], num_labels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, N, Y, X)."""
        x = self.convs(features)
        if self.conv_cat is not None:
            x = self.conv_cat(torch.cat((features, x), dim=1))
        output: Tensor = self.classifier(x)
        return output


def head_rules(norm: str, reverse: bool = True) -> tuple[Rule, ...]:
    """Rules for files that call the parts of a convolution `conv` and `norm`, and have the blocks of the pyramid in a list.

    Args:
        reverse: whether files are written so too.
    """
    convolutions = {
        "psp_modules.{}.1": "psp_modules.blocks.{}.conv",
        "decode_head.bottleneck": "decode_head.psp_bottleneck",
        **{name: name for name in ("lateral_convs.{}", "fpn_convs.{}", "fpn_bottleneck", "convs.{}", "conv_cat")},
    }
    return tuple(
        rename(f"{stored}.{old}.{{}}", f"{ours}.{new}.{{}}", reverse)
        for stored, ours in convolutions.items()
        for old, new in (("conv", "convolution"), (norm, "normalization"))
    )
