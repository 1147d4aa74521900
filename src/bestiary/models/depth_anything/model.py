"""The modules of Depth Anything. Parameter names are the published ones."""

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...core.outputs import DepthEstimatorOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.dense_neck import STARTS, DenseNeck, OverBackbone, refuse_labels
from ...modeling.map_fusion import FusionStage
from ...modeling.reassemble import Reassemble
from ...nn.patches import grid, pair, required
from . import DepthAnythingConfig


class DepthAnythingFeatureFusionStage(FusionStage):
    """Each step enlarges to the size of the next finer map."""

    to_next = True


class DepthAnythingNeck(DenseNeck):
    """States to fused maps; the class token is not looked at."""

    fusion_class = DepthAnythingFeatureFusionStage

    def __init__(self, config: PreTrainedConfig) -> None:
        channels, factors = config.get("neck_hidden_sizes"), config.get("reassemble_factors")
        super().__init__(config, Reassemble(config.get("reassemble_hidden_size"), channels, factors))


class DepthAnythingDepthEstimationHead(nn.Module):
    """Three convolutions, the second of them at the size of the image; depths reach to `max_depth` where they are metric."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size, inner = config.get("fusion_hidden_size"), config.get("head_hidden_size")
        self.head_in_index, self.patch_size = config.get("head_in_index"), config.get("patch_size")
        self.conv1 = nn.Conv2d(size, size // 2, 3, padding=1)
        self.conv2 = nn.Conv2d(size // 2, inner, 3, padding=1)
        self.activation1 = nn.ReLU()
        self.conv3 = nn.Conv2d(inner, 1, 1)
        self.activation2 = nn.ReLU() if config.get("depth_estimation_type") == "relative" else nn.Sigmoid()
        self.max_depth = config.get("max_depth")

    def forward(self, hidden_states: list[Tensor], patch_height: int, patch_width: int) -> Tensor:
        """Fused maps, rows and columns of patches -> (B, Y, X)."""
        height, width = pair(self.patch_size)
        size = patch_height * height, patch_width * width
        x = interpolate(self.conv1(hidden_states[self.head_in_index]), size=size, mode="bilinear", align_corners=True)
        depth: Tensor = self.activation2(self.conv3(self.activation1(self.conv2(x)))) * self.max_depth
        return depth.squeeze(1)


class DepthAnythingPreTrainedModel(OverBackbone):
    """What all Depth Anything classes share. Class attribute `neck_class`: the neck, built as `neck_class(config)`."""

    config_class = DepthAnythingConfig
    base_model_prefix = "depth_anything"
    kind_starts = STARTS
    neck_class: ClassVar[type[Any]] = DepthAnythingNeck


class DepthAnythingForDepthEstimation(DepthAnythingPreTrainedModel):
    """Depth Anything: how far away each pixel is."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.put_backbone()
        self.neck = self.neck_class(config)
        self.head = DepthAnythingDepthEstimationHead(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> DepthEstimatorOutput:
        """Args:
        pixel_values: (B, C, Y, X), edges that are multiples of the patch. labels: the family has no loss.
        """
        refuse_labels(self, labels)
        return DepthEstimatorOutput(predicted_depth=self.depth(pixel_values))

    def depth(self, pixel_values: Tensor | None, prompt: Tensor | None = None) -> Tensor:
        """(B, C, Y, X) and a depth (B, 1, y, x) that the neck may look at -> (B, Y, X)."""
        states = self.backbone(pixel_values, return_dict=True).feature_maps
        rows, columns = grid(required(pixel_values).shape[-2:], self.config.get("patch_size"))
        depth: Tensor = self.head(self.neck(states, rows, columns, prompt), rows, columns)
        return depth
