"""The modules of ViTMatte. Parameter names are the published ones."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.dense_neck import STARTS, OverBackbone
from ...nn.init import start_batch_norm
from ...nn.patches import check_pixels
from . import VitMatteConfig


@dataclass
class ImageMattingOutput(ModelOutput):
    """`alphas` (B, 1, Y, X), how much of each pixel belongs to the foreground, from 0 to 1."""

    loss: Tensor | None = None
    alphas: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class VitMatteBasicConv3x3(nn.Module):
    """relu(norm(conv(x)))."""

    def __init__(self, config: VitMatteConfig, in_channels: int, out_channels: int, stride: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.batch_norm = nn.BatchNorm2d(out_channels, config.batch_norm_eps)
        self.relu = nn.ReLU()

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.relu(self.batch_norm(self.conv(hidden_state)))
        return output


class VitMatteConvStream(nn.Module):
    """Maps of details."""

    def __init__(self, config: VitMatteConfig) -> None:
        super().__init__()
        widths = [config.backbone_config.num_channels, *config.convstream_hidden_sizes]
        self.convs = nn.ModuleList(VitMatteBasicConv3x3(config, *pair) for pair in pairwise(widths))

    def forward(self, pixel_values: Tensor) -> dict[str, Tensor]:
        """(B, C, Y, X) -> `detailed_feature_map_0`, that itself, `..._1`, half as large, and so on."""
        maps = {"detailed_feature_map_0": pixel_values}
        for place, convolve in enumerate(self.convs):
            pixel_values = convolve(pixel_values)
            maps[f"detailed_feature_map_{place + 1}"] = pixel_values
        return maps


class VitMatteFusionBlock(nn.Module):
    """A map doubled, and beside it one of details."""

    def __init__(self, config: VitMatteConfig, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = VitMatteBasicConv3x3(config, in_channels, out_channels, stride=1)

    def forward(self, features: Tensor, detailed_feature_map: Tensor) -> Tensor:
        """(B, C, y, x) and (B, D, 2 * y, 2 * x) -> (B, E, 2 * y, 2 * x)."""
        doubled = interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        output: Tensor = self.conv(torch.cat((detailed_feature_map, doubled), dim=1))
        return output


class VitMatteHead(nn.Module):
    """Convolutions to one number for each pixel."""

    def __init__(self, config: VitMatteConfig) -> None:
        super().__init__()
        size = list(config.fusion_hidden_sizes)[-1]
        self.matting_convs = nn.Sequential(
            nn.Conv2d(size, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 1, 1)
        )

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.matting_convs(hidden_state)
        return output


class VitMatteDetailCaptureModule(nn.Module):
    """The backbone's map and the image to shares of the foreground."""

    def __init__(self, config: VitMatteConfig) -> None:
        super().__init__()
        details = [*list(config.convstream_hidden_sizes)[::-1], config.backbone_config.num_channels]
        widths = [config.hidden_size, *config.fusion_hidden_sizes]
        self.convstream = VitMatteConvStream(config)
        self.fusion_blocks = nn.ModuleList(
            VitMatteFusionBlock(config, inner + detail, outer)
            for (inner, outer), detail in zip(pairwise(widths), details, strict=True)
        )
        self.matting_head = VitMatteHead(config)

    def forward(self, features: Tensor, pixel_values: Tensor) -> Tensor:
        """(B, D, y, x) and (B, C, Y, X) -> (B, 1, Y, X)."""
        details = self.convstream(pixel_values)
        for place, fuse in enumerate(self.fusion_blocks):
            features = fuse(features, details[f"detailed_feature_map_{len(self.fusion_blocks) - 1 - place}"])
        shares: Tensor = self.matting_head(features).sigmoid()
        return shares


class VitMattePreTrainedModel(OverBackbone):
    """What ViTMatte's class has."""

    config_class = VitMatteConfig
    base_model_prefix = ""
    kind_starts = STARTS | {nn.BatchNorm2d: start_batch_norm}
    config: VitMatteConfig


class VitMatteForImageMatting(VitMattePreTrainedModel):
    """ViTMatte: how much of each pixel belongs to the foreground."""

    def __init__(self, config: VitMatteConfig) -> None:
        super().__init__(config)
        self.put_backbone()
        self.decoder = VitMatteDetailCaptureModule(config)

    def forward(self, pixel_values: Tensor | None = None, *, labels: Tensor | None = None) -> ImageMattingOutput:
        """Args:
        pixel_values: (B, 4, Y, X), colours and trimap, edges that are multiples of the patch. labels: None; the family
            publishes no loss.

        Raises:
            InputError: there are labels, or images do not fit.
        """
        if labels is not None:
            raise InputError(
                f"{type(self).__name__} has no loss of its own, so labels mean nothing to it; compute one of alphas, such as"
                " torch.nn.functional.l1_loss"
            )
        pixels = check_pixels(pixel_values, self.config.backbone_config.num_channels, 1, None)
        maps, steps = self.backbone(pixels, return_dict=True).feature_maps, len(self.decoder.fusion_blocks)
        if pixels.shape[2:] != tuple(edge * 2**steps for edge in maps[-1].shape[2:]):
            raise InputError(
                f"images of {pixels.shape[2]} x {pixels.shape[3]} pixels become maps of {maps[-1].shape[2]} x"
                f" {maps[-1].shape[3]} places, which are doubled {steps} times; pad them by the model's image processor"
            )
        return ImageMattingOutput(alphas=self.decoder(maps[-1], pixels))
