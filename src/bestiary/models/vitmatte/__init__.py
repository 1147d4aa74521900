"""ViTMatte (Yao et al. 2023, "ViTMatte: boosting image matting with pretrained plain vision transformers").

ViTDet looks at an image and its trimap, which says what is certainly in front, certainly behind, or either; convolutions over
both bring the details back, step by step, until each pixel has its share of the foreground.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import take_backbone
from ...modeling.config import PreTrainedConfig


class VitMatteConfig(PreTrainedConfig):
    """Hyperparameters.

    `backbone_config` is that of ViTDet, whose last map is used; its images have four channels, colours and trimap.
    `hidden_size` is the width of that map. `convstream_hidden_sizes` are the channels of maps of details, each half as large as
    the one before, the first half as large as the image; `fusion_hidden_sizes` those of what is fused with them, from coarse to
    fine, and at last with the image.
    """

    model_type: ClassVar[str] = "vitmatte"

    backbone_config: Any = None
    hidden_size: Size = 384
    batch_norm_eps: Rate = 1e-5
    initializer_range: Amount = 0.02
    convstream_hidden_sizes: Sequence[Size] = (48, 96, 192)
    fusion_hidden_sizes: Sequence[Size] = (256, 128, 64, 32)

    def validate(self) -> None:
        take_backbone(self, {"model_type": "vitdet", "out_features": ["stage4"]})
        super().validate()
        for field in ("convstream_hidden_sizes", "fusion_hidden_sizes"):
            check(type(self).__name__, field, self.get(field), Sequence[Size])
            self.__dict__[field] = list(self.get(field))
        details, fused = self.convstream_hidden_sizes, self.fusion_hidden_sizes
        if len(fused) != len(details) + 1:
            raise ConfigError(
                f"{type(self).__name__}: {len(fused)} fusion_hidden_sizes for {len(details)} convstream_hidden_sizes; expected"
                " one more, for the image itself"
            )


TASKS = {"image-matting": "VitMatteForImageMatting"}

PREPROCESSORS = {"image_processor": "VitMatteImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["VitMattePreTrainedModel", *TASKS.values()],
        "image_processor": ["VitMatteImageProcessor", "VitMatteImageProcessorFast", "VitMatteImageProcessorPil"],
    },
)
