"""The head by which MobileViT and MobileViT V2 label each place of an image (DeepLab V3, Chen et al. 2017)."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import SemanticSegmenterOutput
from ...modeling.heads.headed import Headed, recorded
from ...nn.losses import binary_map_loss, semantic_loss
from .convolutions import MobileViTConvLayer


class ASPPPooling(nn.Module):
    """What the whole image has, at each place."""

    def __init__(self, config: Any, inner: int, outer: int) -> None:
        super().__init__()
        self.global_pool = nn.AdaptiveAvgPool2d(output_size=1)
        self.conv_1x1 = MobileViTConvLayer(config, inner, outer, 1, act="relu")

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        whole = self.conv_1x1(self.global_pool(features))
        return F.interpolate(whole, size=features.shape[-2:], mode="bilinear", align_corners=False)


class ASPP(nn.Module):
    """Convolutions that look further and further, side by side, and one that joins them."""

    def __init__(self, config: Any, inner: int) -> None:
        super().__init__()
        outer = config.aspp_out_channels
        self.convs = nn.ModuleList(
            [
                MobileViTConvLayer(config, inner, outer, 1, act="relu"),
                *(MobileViTConvLayer(config, inner, outer, 3, dilation=rate, act="relu") for rate in config.atrous_rates),
                ASPPPooling(config, inner, outer),
            ]
        )
        self.project = MobileViTConvLayer(config, 5 * outer, outer, 1, act="relu")
        self.dropout = nn.Dropout(config.aspp_dropout_prob)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        output: Tensor = self.dropout(self.project(torch.cat([look(features) for look in self.convs], dim=1)))
        return output


class DeepLabV3(nn.Module):
    """Logits of each place."""

    def __init__(self, config: Any, inner: int) -> None:
        super().__init__()
        self.aspp = ASPP(config, inner)
        self.dropout = nn.Dropout2d(config.classifier_dropout_prob)
        size = config.aspp_out_channels
        self.classifier = MobileViTConvLayer(config, size, config.num_labels, 1, bias=True, normed=False, act=None)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, N, Y, X)."""
        output: Tensor = self.classifier(self.dropout(self.aspp(hidden_states)))
        return output


class MapHead(Headed):
    """Logits (B, N, y, x) of the places of the last map, by `segmentation_head`."""

    backbone_options = {"expand_output": False}

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.segmentation_head = DeepLabV3(config, self.map_width())

    @abstractmethod
    def map_width(self) -> int:
        """The channels of the last map."""

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> SemanticSegmenterOutput:
        """Args:
        pixel_values: (B, C, Y, X). labels: (B, Y, X), the class of each pixel; of a model of one class, 1 where it is.
        """
        output = self.run_backbone(pixel_values)
        logits = self.segmentation_head(output.last_hidden_state)
        loss, ignored = None, self.config.get("semantic_loss_ignore_index")
        if labels is not None:
            loss = (binary_map_loss if self.config.num_labels == 1 else semantic_loss)(logits, labels, ignored)
        return SemanticSegmenterOutput(loss=loss, logits=logits, **recorded(output))
