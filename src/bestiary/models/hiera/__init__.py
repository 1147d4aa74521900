"""Hiera (Ryali et al. 2023, "Hiera: a hierarchical vision transformer without the bells-and-whistles").

Differs from ViT: stages become wider and coarser, for queries of some blocks are pooled. Early blocks look at units of 8 x 8
patches only. It is pretrained by painting units that it does not see, which its sequence of whole units leaves out.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list


class HieraConfig(BackboneConfig):
    """Hyperparameters; the defaults are those of Hiera-B on images of 224.

    `depths` are the blocks of each stage, `num_heads` their heads, `embed_dim` the width of the first, from which each next one
    is `embed_dim_multiplier` times as wide. The first blocks of `num_query_pool` stages behind the first keep one query of
    `query_stride`. `masked_unit_size` is the size of a unit in patches, `masked_unit_attention` says of each stage whether
    tokens see their unit only. Patches of `patch_size` pixels, `patch_stride` apart, overlap, and there are `patch_padding`
    zeros around an image.

    For pretraining: a decoder of `decoder_depth` blocks, `decoder_hidden_size` wide, with `decoder_num_heads` heads;
    `mask_ratio` is the share of units that the encoder does not see; with `normalize_pixel_loss` the pixels of each patch are
    normalised before they are compared with what was painted.
    """

    model_type: ClassVar[str] = "hiera"
    attribute_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "num_layers"}

    embed_dim: Size = 96
    image_size: Sequence[Size] = (224, 224)
    patch_size: Sequence[Size] = (7, 7)
    patch_stride: Sequence[Size] = (4, 4)
    patch_padding: Sequence[Count] = (3, 3)
    mlp_ratio: Positive = 4.0
    depths: Sequence[Depth] = (2, 3, 16, 3)
    num_heads: Sequence[Size] = (1, 2, 4, 8)
    embed_dim_multiplier: Positive = 2.0
    num_query_pool: Count = 3
    query_stride: Sequence[Size] = (2, 2)
    masked_unit_size: Sequence[Size] = (8, 8)
    masked_unit_attention: Sequence[bool] = (True, True, False, False)
    drop_path_rate: Rate = 0.0
    num_channels: Size = 3
    hidden_act: str = "gelu"
    initializer_range: Amount = 0.02
    layer_norm_init: Amount = 1.0
    layer_norm_eps: Rate = 1e-6
    decoder_hidden_size: Size | None = None
    decoder_depth: Depth | None = None
    decoder_num_heads: Size | None = None
    normalize_pixel_loss: bool = True
    mask_ratio: Rate = 0.6
    hidden_size: Size | None = None

    def validate(self) -> None:
        check("HieraConfig", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        self.hidden_size = self.width(max(len(self.depths) - 1, 0))
        super().validate()
        for name in ("image_size", "patch_size", "patch_stride", "patch_padding", "query_stride", "masked_unit_size"):
            setattr(self, name, list(self.get(name)))
            if len(self.get(name)) != 2:
                raise ConfigError(f"HieraConfig: {name} is {self.get(name)}; expected a height and a width")
        for name in ("depths", "num_heads", "masked_unit_attention"):
            setattr(self, name, list(self.get(name)))
            if len(self.get(name)) != len(self.depths) or not self.depths:
                raise ConfigError(f"HieraConfig: {name} {self.get(name)} and depths {self.depths} must be of equal length")
        if self.num_query_pool >= len(self.depths):
            raise ConfigError(f"HieraConfig: num_query_pool {self.num_query_pool} must be below {len(self.depths)} (depths)")
        for unit, stride in zip(self.masked_unit_size, self.query_stride, strict=True):
            if unit % stride ** (len(self.depths) - 1):
                raise ConfigError(
                    f"HieraConfig: masked_unit_size {self.masked_unit_size} must be a multiple of query_stride"
                    f" {self.query_stride} to the power of {len(self.depths) - 1}, the stages (depths) behind the first"
                )

    def width(self, stage: int) -> int:
        """The channels of a stage."""
        return int(self.embed_dim * self.embed_dim_multiplier**stage)

    @property
    def num_layers(self) -> int:
        """The stages."""
        return len(self.depths)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches of an image of the usual size."""
        height, width = (size // stride for size, stride in zip(self.image_size, self.patch_stride, strict=True))
        return height, width

    def pools_before(self, stage: int) -> int:
        """How often patches were pooled before the last block of a stage."""
        return min(stage, self.num_query_pool)

    @property
    def unit_area(self) -> int:
        """The patches of a unit."""
        return math.prod(self.masked_unit_size)


TASKS = {
    "base": "HieraModel",
    "image-classification": "HieraForImageClassification",
    "pretraining": "HieraForPreTraining",
    "backbone": "HieraBackbone",
}

PREPROCESSORS = {"image_processor": "BitImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["HieraPreTrainedModel", "HieraModel", "HieraForImageClassification", "HieraBackbone"],
        "pretraining": ["HieraForPreTraining"],
    },
)
