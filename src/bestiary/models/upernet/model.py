"""The modules of UperNet. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ConfigError
from ...core.outputs import SemanticSegmenterOutput
from ...modeling.backbone import build_backbone, stand_on
from ...modeling.base import PreTrainedModel
from ...nn.init import start_usually
from ...nn.losses import semantic_loss
from . import UperNetConfig


def enlarged(x: Tensor, size: Any) -> Tensor:
    """A map (B, C, Y, X) of another height and width, bilinear."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class UperNetConvModule(nn.Module):
    """relu(norm(convolution)); the size of the map stays."""

    def __init__(self, inner: int, outer: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, bias=False)
        self.batch_norm = nn.BatchNorm2d(outer)
        self.activation = nn.ReLU()

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.activation(self.batch_norm(self.conv(input)))
        return output


class UperNetPyramidPoolingBlock(nn.Sequential):
    """A map pooled to `scale` places a side, through a convolution."""

    def __init__(self, scale: int, inner: int, outer: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(scale), UperNetConvModule(inner, outer, 1))


class UperNetPyramidPoolingModule(nn.ModuleList):
    """What a map is when pooled to each of the grids."""

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> of each grid (B, D, Y, X)."""
        return [enlarged(pool(x), x.shape[2:]) for pool in self]


class UperNetHead(nn.Module):
    """The classes of places, as fine as the first of the maps whose `channels` these are."""

    def __init__(self, config: UperNetConfig, channels: list[int]) -> None:
        super().__init__()
        size, scales = config.hidden_size, config.pool_scales
        self.classifier = nn.Conv2d(size, config.num_labels, kernel_size=1)
        self.psp_modules = UperNetPyramidPoolingModule(
            UperNetPyramidPoolingBlock(scale, channels[-1], size) for scale in scales
        )
        self.bottleneck = UperNetConvModule(channels[-1] + len(scales) * size, size, 3)
        self.lateral_convs = nn.ModuleList(UperNetConvModule(width, size, 1) for width in channels[:-1])
        self.fpn_convs = nn.ModuleList(UperNetConvModule(size, size, 3) for _ in channels[:-1])
        self.fpn_bottleneck = UperNetConvModule(len(channels) * size, size, 3)

    def forward(self, encoder_hidden_states: Any) -> Tensor:
        """Maps (B, C, y, x), from fine to coarse -> (B, N, y, x) of the first one's size."""
        finer = [convolution(x) for convolution, x in zip(self.lateral_convs, encoder_hidden_states, strict=False)]
        last = encoder_hidden_states[-1]
        coarse = [self.bottleneck(torch.cat([last, *self.psp_modules(last)], dim=1))]
        for x in reversed(finer):
            coarse.append(x + enlarged(coarse[-1], x.shape[2:]))
        last, *others = coarse
        smoothed = [convolution(x) for convolution, x in zip(self.fpn_convs, reversed(others), strict=True)]
        maps = [*smoothed, last]
        output: Tensor = self.classifier(self.fpn_bottleneck(torch.cat([enlarged(x, maps[0].shape[2:]) for x in maps], dim=1)))
        return output


class UperNetFCNHead(nn.Module):
    """The classes of places from one map, the third (Long et al. 2015); it helps the backbone learn."""

    place = 2

    def __init__(self, config: UperNetConfig, inner: int) -> None:
        super().__init__()
        count, width = config.auxiliary_num_convs, config.auxiliary_channels
        widths = [inner, *[width] * count]
        self.convs = nn.Sequential(*(UperNetConvModule(widths[number], width, 3) for number in range(count)))
        if config.auxiliary_concat_input:
            self.conv_cat = UperNetConvModule(inner + width, width, 3)
        self.classifier = nn.Conv2d(width, config.num_labels, kernel_size=1)

    def forward(self, encoder_hidden_states: Any) -> Tensor:
        """Maps (B, C, y, x) -> (B, N, y, x) of the third one's size."""
        x = encoder_hidden_states[self.place]
        output = self.convs(x)
        if "conv_cat" in self._modules:
            output = self.conv_cat(torch.cat((x, output), dim=1))
        logits: Tensor = self.classifier(output)
        return logits


class UperNetPreTrainedModel(PreTrainedModel):
    """What UperNet's class has."""

    config_class = UperNetConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d), lambda part, config: start_usually(part, config.initializer_range))
    config: UperNetConfig


class UperNetForSemanticSegmentation(UperNetPreTrainedModel):
    """A backbone that labels each place of an image."""

    def __init__(self, config: UperNetConfig) -> None:
        super().__init__(config)
        self.backbone = build_backbone(config.backbone_config)
        stand_on(self, self.backbone, "backbone")
        channels = self.backbone.channels
        self.decode_head = UperNetHead(config, channels)
        self.auxiliary_head = None
        if config.use_auxiliary_head:
            if len(channels) <= UperNetFCNHead.place:
                raise ConfigError(
                    f"UperNetConfig: use_auxiliary_head needs three maps or more; the backbone gives {len(channels)}"
                    f" ({', '.join(self.backbone.out_features)}). Name more of its stages in out_features, or turn it off"
                )
            inner = config.auxiliary_in_channels or channels[UperNetFCNHead.place]
            self.auxiliary_head = UperNetFCNHead(config, inner)

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def forward(self, pixel_values: Tensor | None = None, *, labels: Tensor | None = None) -> SemanticSegmenterOutput:
        """Args:
        pixel_values: (B, C, Y, X). labels: (B, Y, X), the class of each pixel.
        """
        maps = self.backbone(pixel_values, return_dict=True).feature_maps
        size = None if pixel_values is None else pixel_values.shape[2:]
        heads = [self.decode_head] if self.auxiliary_head is None else [self.decode_head, self.auxiliary_head]
        logits = [enlarged(head(maps), size) for head in heads]
        loss = None
        if labels is not None:
            losses = [semantic_loss(each, labels, self.config.loss_ignore_index) for each in logits]
            loss = losses[0] if len(losses) == 1 else losses[0] + self.config.auxiliary_loss_weight * losses[1]
        return SemanticSegmenterOutput(loss=loss, logits=logits[0])

    def _arrange_recorded(self, output: Any) -> None:
        self.backbone._arrange_recorded(output)
