"""RT-DETR's hybrid encoder: attention within the smallest map, convolutions across maps.

Lv et al. 2023 ("DETRs beat YOLOs on real-time object detection"), section 4.2. Parameter names are the published ones.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, interpolate

from ..core.errors import InputError
from ..nn.activations import activation, identity
from ..nn.alias import Alias
from ..nn.grid_positions import grid_waves
from ..nn.masks import Mask
from .detector import DetectorAttention, DetectorEncoderLayer


class ConvNorm(nn.Module):
    """act(norm(convolution)), padded so that only the stride makes the map smaller; `act` None is none."""

    def __init__(
        self, config: Any, inner: int, outer: int, kernel: int, stride: int = 1, act: str | None = None, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, stride, padding=(kernel - 1) // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outer, config.batch_norm_eps)
        self.activation = identity if act is None else activation(act)

    def forward(self, hidden_state: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(hidden_state)))


class RepVggBlock(nn.Module):
    """A convolution of 3x3 beside one of 1x1 (Ding et al. 2021, "RepVGG")."""

    def __init__(self, config: Any, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvNorm(config, inner, outer, 3), ConvNorm(config, inner, outer, 1)
        self.activation = activation(config.activation_function)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.conv1(x) + self.conv2(x))


class CSPRepLayer(nn.Module):
    """Half of the channels pass through blocks, half do not (Wang et al. 2020, "CSPNet").

    Class attribute `conv_class`: the convolutions at its ends.
    """

    conv_class: ClassVar[type[ConvNorm]] = ConvNorm

    def __init__(self, config: Any, inner: int, outer: int, blocks: int, expansion: float) -> None:
        super().__init__()
        middle, act = int(outer * expansion), config.activation_function
        self.conv1 = self.conv_class(config, inner, middle, 1, act=act)
        self.conv2 = self.conv_class(config, inner, middle, 1, act=act)
        self.bottlenecks = nn.Sequential(*(RepVggBlock(config, middle, middle) for _ in range(blocks)))
        self.conv3 = nn.Identity() if middle == outer else self.conv_class(config, middle, outer, 1, act=act)

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.conv3(self.bottlenecks(self.conv1(hidden_state)) + self.conv2(hidden_state))
        return output


class HybridAttention(DetectorAttention):
    """Attention of the encoder's width."""

    width_name = "encoder_hidden_dim"
    rate_name = "dropout"


class HybridEncoderLayer(DetectorEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x)); with `normalize_before` norms stand before each half instead.

    The second half then goes on with what was normed, as published.
    """

    width_name = "encoder_hidden_dim"
    activation_name = "encoder_activation_function"
    attention_class = HybridAttention

    def __init__(self, config: Any, heads: int, inner: int) -> None:
        super().__init__(config, heads, inner)
        self.norm_first = config.normalize_before  # type: ignore[misc]  # of every layer of this model

    def forward(self, x: Tensor, mask: Mask, *, positions: Tensor) -> Tensor:
        if not self.norm_first:
            return super().forward(x, mask, positions=positions)
        x = self.final_layer_norm(self.attention(x, mask, positions))
        return x + dropout(self.transform(x), self.dropout, self.training)


class MapAttention(nn.Module):
    """Layers of attention between the places of one map."""

    layer_class: ClassVar[type[HybridEncoderLayer]] = HybridEncoderLayer

    def __init__(self, config: Any) -> None:
        super().__init__()
        heads, inner = config.encoder_attention_heads, config.encoder_ffn_dim
        self.layers = nn.ModuleList(self.layer_class(config, heads, inner) for _ in range(config.encoder_layers))
        self.longest, self.places_in_eval = float(config.positional_encoding_temperature), config.eval_size is None

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, y, x) -> (B, D, y, x)."""
        (size, rows, columns), device = hidden_states.shape[1:], hidden_states.device
        x = hidden_states.flatten(2).transpose(1, 2)
        positions = torch.zeros(1, 1, device=device, dtype=x.dtype)
        if self.training or self.places_in_eval:
            y_last = grid_waves(rows, columns, size, self.longest).to(device=device, dtype=x.dtype)
            positions = y_last.roll(size // 2, dims=-1)
        mask = Mask(rows * columns, rows * columns, device)
        for layer in self.layers:
            x = layer(x, mask, positions=positions)
        return x.transpose(1, 2).reshape(-1, size, rows, columns).contiguous()


class HybridEncoder(nn.Module):
    """Attention within maps, then a pyramid from the smallest to the largest and back.

    Class attributes: the classes of its parts. A family with other blocks overrides `block` and `shrink`.
    """

    aifi = Alias("encoder")
    attention_class: ClassVar[type[MapAttention]] = MapAttention
    block_class: ClassVar[type[nn.Module]] = CSPRepLayer
    conv_class: ClassVar[type[ConvNorm]] = ConvNorm

    def __init__(self, config: Any) -> None:
        super().__init__()
        size, act, steps = config.encoder_hidden_dim, config.activation_function, len(config.encoder_in_channels) - 1
        self.attended = tuple(config.encode_proj_layers)
        self.encoder = nn.ModuleList(self.attention_class(config) for _ in self.attended)
        self.lateral_convs = nn.ModuleList(self.lateral(config, size, act) for _ in range(steps))
        self.fpn_blocks = nn.ModuleList(self.block(config) for _ in range(steps))
        self.downsample_convs = nn.ModuleList(self.shrink(config) for _ in range(steps))
        self.pan_blocks = nn.ModuleList(self.block(config) for _ in range(steps))

    def lateral(self, config: Any, size: int, act: str | None) -> nn.Module:
        """What a map passes through before it goes up."""
        return self.conv_class(config, size, size, 1, act=act)

    def block(self, config: Any) -> nn.Module:
        """What makes one map of two, (B, 2 * D, y, x) -> (B, D, y, x)."""
        size = config.encoder_hidden_dim
        return self.block_class(config, 2 * size, size, 3, config.hidden_expansion)

    def shrink(self, config: Any) -> nn.Module:
        """What halves a map."""
        size = config.encoder_hidden_dim
        return self.conv_class(config, size, size, 3, 2, config.activation_function)

    def fuse(self, first: Tensor, second: Tensor) -> Tensor:
        """Two maps as one."""
        return torch.cat((first, second), dim=1)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps (B, D, y, x), the largest first, as many as come in.

        Raises:
            InputError: a map is not half as large as the one before it.
        """
        maps = list(maps)
        for place, attention in zip(self.attended, self.encoder, strict=True) if len(self.encoder) else ():
            maps[place] = attention(maps[place])
        pyramid = [maps[-1]]  # the smallest first
        for lateral, block, larger in zip(self.lateral_convs, self.fpn_blocks, maps[-2::-1], strict=True):
            pyramid[-1] = lateral(pyramid[-1])
            above = interpolate(pyramid[-1], scale_factor=2.0, mode="nearest")
            if above.shape[-2:] != larger.shape[-2:]:
                raise InputError(
                    f"a map of {tuple(larger.shape[-2:])} (rows, columns) stands before one of {tuple(pyramid[-1].shape[-2:])},"
                    " which is not half as large; use images whose edges are multiples of 32"
                )
            pyramid.append(block(self.fuse(above, larger)))
        output = [pyramid.pop()]
        for shrink, block in zip(self.downsample_convs, self.pan_blocks, strict=True):
            output.append(block(self.fuse(shrink(output[-1]), pyramid.pop())))
        return output
