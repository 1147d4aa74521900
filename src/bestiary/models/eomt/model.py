"""The modules of EoMT. Parameter names are the published ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...modeling.config import PreTrainedConfig
from ...modeling.patch_embeddings import PatchEmbeddings
from ...modeling.queried_encoder import MaskHead, QueriedEncoder, QueriedEncoderOutput, ScaleBlock, ScaleLayer
from ...nn.alias import Alias
from ...nn.init import Starting, constant, normal
from ...nn.masks import Mask
from ...nn.patches import check_pixels
from ...nn.query_attention import QueryAttention
from ..dinov2.model import Dinov2Layer
from . import EomtConfig


class EomtForUniversalSegmentationOutput(QueriedEncoderOutput):
    """See `QueriedEncoderOutput`."""


class EomtPatchEmbeddings(PatchEmbeddings):
    """Each patch flattened and projected."""


class EomtEmbeddings(Starting):
    """The class token, registers, and the patches, which alone have positions."""

    patch_size = Alias("config.patch_size")

    def __init__(self, config: EomtConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.register_tokens = nn.Parameter(torch.zeros(1, config.num_register_tokens, size))
        self.patch_embeddings = EomtPatchEmbeddings(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.position_embeddings = nn.Embedding(self.patch_embeddings.num_patches, size)
        self.starts = {"cls_token": normal(config.initializer_range), "register_tokens": constant(0.0)}

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, T, D)."""
        config = self.config
        x = self.patch_embeddings(check_pixels(pixel_values, config.num_channels, config.patch_size, config.image_size))
        x = x + self.position_embeddings(torch.arange(x.shape[1], device=x.device))
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), self.register_tokens.expand(len(x), -1, -1), x), dim=1)
        output: Tensor = self.dropout(x)
        return output


class EomtAttention(QueryAttention):
    """Every token looks at the tokens that its mask shows."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config.get("hidden_size"), config.get("num_attention_heads"), config.get("attention_dropout"))

    def forward(self, x: Tensor, mask: Mask) -> Tensor:  # type: ignore[override]  # of one kind of states
        return super().forward(x, x, x, mask)


class EomtLayer(Dinov2Layer):
    """x + scale1 * attention(norm1(x)), then x + scale2 * mlp(norm2(x))."""

    attention_class: ClassVar[Any] = EomtAttention


class EomtScaleLayer(ScaleLayer):
    """A map twice as high and wide."""


class EomtScaleBlock(ScaleBlock):
    """A map enlarged twice, some times."""

    layer_class = EomtScaleLayer


class EomtMaskHead(MaskHead):
    """Three dense layers: the vector of a query."""


class EomtPreTrainedModel(QueriedEncoder):
    """What EoMT's classes share."""

    config_class = EomtConfig
    base_model_prefix = "eomt"
    kind_starts = dict.fromkeys(
        (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding), lambda part, config: part.reset_parameters()
    )
    _no_split_modules = ["EomtLayer"]
    embeddings_class = EomtEmbeddings
    layer_class = EomtLayer
    scale_class = EomtScaleBlock
    mask_head_class = EomtMaskHead
    config: EomtConfig


class EomtForUniversalSegmentation(EomtPreTrainedModel):
    """EoMT that gives each query a class and a mask."""
