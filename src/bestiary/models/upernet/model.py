"""The modules of UperNet. Parameter names are the published ones."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import SemanticSegmenterOutput
from ...modeling.backbone import build_backbone, stand_on
from ...modeling.base import PreTrainedModel
from ...modeling.uper_head import FullyConvolutionalHead, UperHead, enlarged
from ...nn.init import start_usually
from ...nn.losses import semantic_loss
from ...nn.patches import required
from . import UperNetConfig


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

    def __init__(self, scales: Sequence[int], inner: int, outer: int) -> None:
        super().__init__(UperNetPyramidPoolingBlock(scale, inner, outer) for scale in scales)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> of each grid (B, D, Y, X)."""
        return [enlarged(pool(x), x) for pool in self]


class UperNetHead(UperHead):
    """The classes of places, as fine as the first of the maps whose `channels` these are."""

    convolution_class = UperNetConvModule
    pyramid_class = UperNetPyramidPoolingModule
    bottleneck_name = "bottleneck"

    def __init__(self, config: UperNetConfig, channels: Sequence[int]) -> None:
        super().__init__(channels, config.hidden_size, config.pool_scales, config.num_labels)

    def forward(self, encoder_hidden_states: Sequence[Tensor]) -> Tensor:
        """Maps (B, C, y, x), from fine to coarse -> (B, N, y, x) of the first one's size."""
        return super().forward(encoder_hidden_states)


class UperNetFCNHead(FullyConvolutionalHead):
    """The classes of places from one map, the third; it helps the backbone learn."""

    convolution_class = UperNetConvModule
    place = 2

    def __init__(self, config: UperNetConfig, inner: int) -> None:
        count, width = config.auxiliary_num_convs, config.auxiliary_channels
        super().__init__(inner, width, count, config.num_labels, config.auxiliary_concat_input)

    def forward(self, encoder_hidden_states: Sequence[Tensor]) -> Tensor:  # type: ignore[override]
        """Maps (B, C, y, x) -> (B, N, y, x) of the third one's size."""
        return super().forward(encoder_hidden_states[self.place])


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
        pixels = required(pixel_values)
        heads = [self.decode_head] if self.auxiliary_head is None else [self.decode_head, self.auxiliary_head]
        logits = [enlarged(head(maps), pixels) for head in heads]
        loss = None
        if labels is not None:
            losses = [semantic_loss(each, labels, self.config.loss_ignore_index) for each in logits]
            loss = losses[0] if len(losses) == 1 else losses[0] + self.config.auxiliary_loss_weight * losses[1]
        return SemanticSegmenterOutput(loss=loss, logits=logits[0])

    def _arrange_recorded(self, output: Any) -> None:
        self.backbone._arrange_recorded(output)
