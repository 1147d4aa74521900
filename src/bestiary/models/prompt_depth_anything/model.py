"""The modules of Prompt Depth Anything. Parameter names are the published ones."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...core.errors import InputError
from ...core.outputs import DepthEstimatorOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.dense_neck import refuse_labels
from ...modeling.map_fusion import FusionLayer
from ...nn.patches import check_pixels
from ..depth_anything.model import (
    DepthAnythingFeatureFusionStage,
    DepthAnythingForDepthEstimation,
    DepthAnythingNeck,
    DepthAnythingPreTrainedModel,
)
from . import PromptDepthAnythingConfig


class PromptDepthAnythingLayer(nn.Module):
    """Three convolutions from a depth to what is added to a map."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size = config.get("fusion_hidden_size")
        self.convolution1 = nn.Conv2d(1, size, 3, padding=1)
        self.convolution2 = nn.Conv2d(size, size, 3, padding=1)
        self.convolution3 = nn.Conv2d(size, size, 3, padding=1)

    def forward(self, prompt_depth: Tensor) -> Tensor:
        """(B, 1, Y, X) -> (B, C, Y, X)."""
        x = self.convolution2(self.convolution1(prompt_depth).relu()).relu()
        output: Tensor = self.convolution3(x)
        return output


class PromptDepthAnythingFeatureFusionLayer(FusionLayer):
    """A step of the fusion that looks at the prompt once it has refined its map."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.prompt_depth_layer = PromptDepthAnythingLayer(config)

    def prompted(self, x: Tensor, prompt_depth: Tensor | None) -> Tensor:
        if prompt_depth is None:
            return x
        prompt = interpolate(prompt_depth, size=x.shape[2:], mode="bilinear", align_corners=False)
        output: Tensor = x + self.prompt_depth_layer(prompt)
        return output


class PromptDepthAnythingFeatureFusionStage(DepthAnythingFeatureFusionStage):
    """A step for each map, all of them with the prompt."""

    layer_class = PromptDepthAnythingFeatureFusionLayer


class PromptDepthAnythingNeck(DepthAnythingNeck):
    """States and a prompt to fused maps."""

    fusion_class = PromptDepthAnythingFeatureFusionStage


class PromptDepthAnythingPreTrainedModel(DepthAnythingPreTrainedModel):
    """What all Prompt Depth Anything classes share."""

    config_class = PromptDepthAnythingConfig
    base_model_prefix = "prompt_depth_anything"
    neck_class = PromptDepthAnythingNeck


class PromptDepthAnythingForDepthEstimation(PromptDepthAnythingPreTrainedModel, DepthAnythingForDepthEstimation):
    """Prompt Depth Anything: how far away each pixel is, in metres where the prompt is."""

    def forward(  # type: ignore[override]  # the published order of the arguments
        self,
        pixel_values: Tensor | None = None,
        prompt_depth: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> DepthEstimatorOutput:
        """Args:
        pixel_values: (B, C, Y, X), edges that are multiples of the patch.
        prompt_depth: (B, 1, y, x) or (B, y, x), a depth of the same scene of any size, in metres.
        labels: the family has no loss.
        """
        refuse_labels(self, labels)
        if prompt_depth is None:
            return DepthEstimatorOutput(predicted_depth=self.depth(pixel_values))
        prompt = self.check_prompt(prompt_depth, pixel_values)
        low, high = prompt.amin((1, 2, 3), keepdim=True), prompt.amax((1, 2, 3), keepdim=True)
        span = high - low
        places = (prompt - low) / torch.where(span > 0, span, 1)  # of a prompt that is the same everywhere, 0
        depth = self.depth(pixel_values, places) * span.squeeze(1) + low.squeeze(1)
        return DepthEstimatorOutput(predicted_depth=depth)

    def check_prompt(self, prompt_depth: Tensor, pixel_values: Tensor | None) -> Tensor:
        """The prompt as (B, 1, y, x), in the dtype of the weights.

        Raises:
            InputError: another shape, or not one for each image.
        """
        channels, patch = self.backbone.config.get("num_channels"), self.config.get("patch_size")
        count = len(check_pixels(pixel_values, channels, patch, None))
        prompt = prompt_depth.unsqueeze(1) if prompt_depth.dim() == 3 else prompt_depth
        if prompt.dim() != 4 or prompt.shape[1] != 1 or len(prompt) not in (1, count):
            raise InputError(
                f"prompt_depth has shape {tuple(prompt_depth.shape)}; expected ({count}, 1, height, width), a depth in metres"
                " for each image"
            )
        return prompt.to(self.dtype)
