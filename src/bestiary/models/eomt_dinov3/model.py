"""The modules of EoMT on DINOv3. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...modeling.queried_encoder import MaskHead, QueriedEncoder, QueriedEncoderOutput, ScaleBlock, ScaleLayer
from ...nn.init import Starting, constant, normal
from ...nn.patches import check_pixels
from ..dinov3_vit.model import DINOv3ViTLayer, DINOv3ViTRopePositionEmbedding
from . import EomtDinov3Config


class EomtDinov3ForUniversalSegmentationOutput(QueriedEncoderOutput):
    """See `QueriedEncoderOutput`."""


class EomtDinov3Embeddings(Starting):
    """The class token, registers, and the patches. None has a learned position."""

    def __init__(self, config: EomtDinov3Config) -> None:
        super().__init__()
        size = config.hidden_size
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.num_register_tokens, size))
        self.patch_embeddings = nn.Conv2d(config.num_channels, size, config.patch_size, stride=config.patch_size)
        self.starts = {"cls_token": normal(config.initializer_range), "register_tokens": constant(0.0)}

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, T, D)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, self.config.patch_size, None)
        x = self.patch_embeddings(pixels.to(self.patch_embeddings.weight.dtype)).flatten(2).transpose(1, 2)
        return torch.cat((self.cls_token.expand(len(x), -1, -1), self.register_tokens.expand(len(x), -1, -1), x), dim=1)


class EomtDinov3Layer(DINOv3ViTLayer):
    """x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x))."""


class EomtDinov3RotaryEmbedding(DINOv3ViTRopePositionEmbedding):
    """Cosines and sines of the angles by which queries and keys of patches turn. No parameters."""


class EomtDinov3ScaleLayer(ScaleLayer):
    """A map twice as high and wide."""


class EomtDinov3ScaleBlock(ScaleBlock):
    """A map enlarged twice, some times."""

    layer_class = EomtDinov3ScaleLayer


class EomtDinov3MaskHead(MaskHead):
    """Three dense layers: the vector of a query."""


class EomtDinov3PreTrainedModel(QueriedEncoder):
    """What the classes share."""

    config_class = EomtDinov3Config
    base_model_prefix = "eomt_dinov3"
    _no_split_modules = ["EomtDinov3Layer"]
    embeddings_class = EomtDinov3Embeddings
    layer_class = EomtDinov3Layer
    scale_class = EomtDinov3ScaleBlock
    mask_head_class = EomtDinov3MaskHead
    config: EomtDinov3Config

    def __init__(self, config: EomtDinov3Config) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.rope_embeddings = EomtDinov3RotaryEmbedding(config)  # type: ignore[arg-type]  # which has what it reads

    def tokens(self, pixel_values: Tensor) -> Tensor:
        x: Tensor = self.dropout(super().tokens(pixel_values))
        return x

    def turning(self, pixel_values: Tensor) -> dict[str, Any]:
        return {"rotary": self.rope_embeddings(pixel_values)}


class EomtDinov3ForUniversalSegmentation(EomtDinov3PreTrainedModel):
    """EoMT on DINOv3 that gives each query a class and a mask."""
