"""The convolutions of MobileViT and MobileViT V2."""

from typing import Any

from torch import Tensor, nn

from ...nn.activations import activation

UNIT = 8


def divisible(value: float, unit: int = UNIT, least: int | None = None) -> int:
    """The multiple of `unit` next to `value`, at least `least` (None: `unit`) and 90 % of `value`."""
    rounded = max(unit if least is None else least, int(value + unit / 2) // unit * unit)
    return int(rounded + unit if rounded < 0.9 * value else rounded)


class MobileViTConvLayer(nn.Module):
    """act(norm(convolution)), padded so that only the stride makes maps smaller.

    Args:
        act: the activation, None for none, "" for that of the config.
    """

    def __init__(
        self,
        config: Any,
        inner: int,
        outer: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        bias: bool = False,
        normed: bool = True,
        act: str | None = "",
    ) -> None:
        super().__init__()
        padding = (kernel - 1) // 2 * dilation
        self.convolution = nn.Conv2d(inner, outer, kernel, stride, padding, dilation, groups, bias)
        self.normalization = nn.BatchNorm2d(outer) if normed else None
        self.activation = None if act is None else activation(act or config.hidden_act)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        x: Tensor = self.convolution(features)
        x = x if self.normalization is None else self.normalization(x)
        return x if self.activation is None else self.activation(x)


class InvertedResidual(nn.Module):
    """Widened, each channel convolved, narrowed; where the shape stays, added to the input (Sandler et al. 2018)."""

    def __init__(self, config: Any, inner: int, outer: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        wide = divisible(round(inner * config.expand_ratio))
        self.use_residual = stride == 1 and inner == outer
        self.expand_1x1 = MobileViTConvLayer(config, inner, wide, 1)
        self.conv_3x3 = MobileViTConvLayer(config, wide, wide, 3, stride, wide, dilation)
        self.reduce_1x1 = MobileViTConvLayer(config, wide, outer, 1, act=None)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        output: Tensor = self.reduce_1x1(self.conv_3x3(self.expand_1x1(features)))
        return features + output if self.use_residual else output


class MobileNetLayer(nn.Module):
    """`depth` such blocks, the first of which makes maps `stride` times smaller."""

    def __init__(self, config: Any, inner: int, outer: int, stride: int, depth: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            InvertedResidual(config, inner if place == 0 else outer, outer, stride if place == 0 else 1)
            for place in range(depth)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        for block in self.layer:
            features = block(features)
        return features
