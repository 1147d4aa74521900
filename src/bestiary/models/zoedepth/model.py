"""The modules of ZoeDepth. Parameter names are the published ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.dense_neck import STARTS, DenseNeck, OverBackbone, refuse_labels
from ...modeling.reassemble import Reassemble
from ...nn.patches import grid, required
from . import ZoeDepthConfig
from .metric_heads import ZoeDepthMetricDepthEstimationHead, ZoeDepthMultipleMetricDepthEstimationHeads


@dataclass
class ZoeDepthDepthEstimatorOutput(ModelOutput):
    """`predicted_depth` (B, Y, X) in metres; of a model with several sets of bins, `domain_logits` (B, N) of them."""

    loss: Tensor | None = None
    predicted_depth: Tensor = ALWAYS
    domain_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class ZoeDepthNeck(DenseNeck):
    """States to fused maps, and the coarsest map before it is fused."""

    def __init__(self, config: ZoeDepthConfig) -> None:
        size, channels = config.backbone_config.hidden_size, config.neck_hidden_sizes
        readout = config.readout_type, config.hidden_act
        super().__init__(config, Reassemble(size, channels, config.reassemble_factors, *readout))

    def forward(  # type: ignore[override]  # there is no prompt
        self, hidden_states: Sequence[Tensor], patch_height: int | None = None, patch_width: int | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """States (B, 1 + patches, D) -> fused maps (B, C, y, x), coarse to fine, and the coarsest of the maps."""
        maps = self.widened(hidden_states, patch_height, patch_width)
        return self.fusion_stage(maps), maps[-1]


class ZoeDepthRelativeDepthEstimationHead(nn.Module):
    """Three convolutions, an enlargement between them; what stands before the last goes on to the metric head."""

    def __init__(self, config: ZoeDepthConfig) -> None:
        super().__init__()
        size = config.fusion_hidden_size
        self.head_in_index = config.head_in_index
        self.projection = nn.Conv2d(size, size, 3, padding=1) if config.add_projection else None
        self.conv1 = nn.Conv2d(size, size // 2, 3, padding=1)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv2 = nn.Conv2d(size // 2, config.num_relative_features, 3, padding=1)
        self.conv3 = nn.Conv2d(config.num_relative_features, 1, 1)

    def forward(self, hidden_states: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Fused maps -> relative depth (B, Y, X), and features (B, C, Y, X)."""
        x = hidden_states[self.head_in_index]
        if self.projection is not None:
            x = self.projection(x).relu()
        features = self.conv2(self.upsample(self.conv1(x))).relu()
        return self.conv3(features).relu().squeeze(1), features


class ZoeDepthPreTrainedModel(OverBackbone):
    """What all ZoeDepth classes share."""

    config_class = ZoeDepthConfig
    base_model_prefix = "zoedepth"
    kind_starts = STARTS
    config: ZoeDepthConfig


class ZoeDepthForDepthEstimation(ZoeDepthPreTrainedModel):
    """ZoeDepth: how far away each pixel is, in metres."""

    def __init__(self, config: ZoeDepthConfig) -> None:
        super().__init__(config)
        self.put_backbone()
        self.patch_size = config.backbone_config.patch_size
        self.neck = ZoeDepthNeck(config)
        self.relative_head = ZoeDepthRelativeDepthEstimationHead(config)
        one = len(config.bin_configurations) == 1
        kind: Any = ZoeDepthMetricDepthEstimationHead if one else ZoeDepthMultipleMetricDepthEstimationHeads
        self.metric_head = kind(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> ZoeDepthDepthEstimatorOutput:
        """Args:
        pixel_values: (B, C, Y, X), edges that are multiples of the patch. labels: the family has no loss.
        """
        refuse_labels(self, labels)
        pixels = required(pixel_values)
        states = self.backbone(pixels, return_dict=True).feature_maps
        fused, coarsest = self.neck(states, *grid(pixels.shape[-2:], self.patch_size))
        relative, features = self.relative_head(fused)
        depth, domain_logits = self.metric_head(features, coarsest, fused, relative)
        return ZoeDepthDepthEstimatorOutput(predicted_depth=depth.squeeze(1), domain_logits=domain_logits)
