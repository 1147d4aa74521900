"""What DPT's ViT sees: patches of the image, or in DPT-hybrid the places of a convolutional backbone's last map."""

import torch
from torch import Tensor, nn

from ...modeling.backbone import build_backbone
from ...modeling.patch_embeddings import ImageEmbeddings
from ...nn.alias import Alias
from ...nn.init import Starting, constant
from ...nn.patches import check_pixels, grid, stretch
from . import DPTConfig


class DPTViTEmbeddings(ImageEmbeddings):
    """The class token and the patches, plus learned positions, stretched to images of any size."""

    interpolation = "bilinear"
    starts_at_zero = True

    def forward(self, pixel_values: Tensor | None) -> tuple[Tensor, list[Tensor]]:  # type: ignore[override]
        """(B, C, Y, X) -> (B, 1 + patches, D), and no maps."""
        return super().forward(pixel_values, interpolate_pos_encoding=True), []


class DPTViTHybridEmbeddings(Starting):
    """The class token and the places of the backbone's last map, plus learned positions; and its first two maps."""

    patch_size, num_channels = Alias("config.patch_size"), Alias("config.num_channels")

    def __init__(self, config: DPTConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = grid(config.image_size, config.patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + rows * columns, config.hidden_size))
        self.backbone = build_backbone(config.backbone_config)
        channels = self.backbone.channels[-1] if config.backbone_featmap_shape is None else config.backbone_featmap_shape[1]
        self.projection = nn.Conv2d(channels, config.hidden_size, 1)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.starts = {"cls_token": constant(0.0), "position_embeddings": constant(0.0)}

    def forward(self, pixel_values: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """(B, C, Y, X) -> (B, 1 + patches, D), and maps (B, C, y, x)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, self.config.patch_size, None)
        maps = self.backbone(pixels, return_dict=True).feature_maps
        last = self.projection(maps[-1])
        x = torch.cat((self.cls_token.expand(len(last), -1, -1), last.flatten(2).transpose(1, 2)), dim=1)
        trained = grid(self.config.image_size, self.config.patch_size)
        rows, columns = last.shape[-2:]
        places = stretch(self.position_embeddings[0], trained, (rows, columns), mode="bilinear")
        return self.dropout(x + places), list(maps[:2])
