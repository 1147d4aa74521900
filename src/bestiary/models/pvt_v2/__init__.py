"""PVTv2 (Wang et al. 2022, "PVT v2: improved baselines with pyramid vision transformer").

Differs from SegFormer's encoder: attention may look at a grid of 7 x 7 means, whatever the size of the image, and norms have
the small number that the config says.

Paper: https://arxiv.org/abs/2106.13797
"""

from typing import ClassVar

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.mix_transformer_config import MixTransformerConfig
from ...modeling.patch_config import Pair


class PvtV2Config(MixTransformerConfig, BackboneConfig):
    """Hyperparameters: see `MixTransformerConfig`; the defaults are PVTv2-B0's. Norms have `layer_norm_eps`.

    `image_size` has no effect, as published: images may have any size. With `linear_attention` keys and values are means over a
    grid of 7 x 7 places, and `sr_ratios` has no effect.
    """

    model_type: ClassVar[str] = "pvt_v2"

    image_size: Pair = (224, 224)
    mlp_ratios: tuple[Size, ...] | list[Size] = (8, 8, 4, 4)
    drop_path_rate: Rate = 0.0
    qkv_bias: bool = True
    linear_attention: bool = False

    def validate(self) -> None:
        if isinstance(self.image_size, int):
            self.image_size = (self.image_size, self.image_size)
        self.stage_names = stage_list(self.num_encoder_blocks)[1:]
        super().validate()


TASKS = {
    "base": "PvtV2Model",
    "image-classification": "PvtV2ForImageClassification",
    "backbone": "PvtV2Backbone",
}

PREPROCESSORS = {"image_processor": "PvtImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["PvtV2PreTrainedModel", *TASKS.values()],
        "image_processor": ["PvtImageProcessor", "PvtImageProcessorFast", "PvtImageProcessorPil"],
    },
)
