"""RT-DETRv2 (Lv et al. 2024, "RT-DETRv2: improved baseline with bag-of-freebies for real-time detection transformer").

RT-DETR whose decoder's places are as far from boxes as the config says, and may be those of single pixels.

Paper: https://arxiv.org/abs/2407.17140
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Positive, Size
from ...modeling.realtime_detector_config import RealtimeDetectorConfig
from ...modeling.variant import variant
from .. import rt_detr


class RTDetrV2Config(RealtimeDetectorConfig):
    """Hyperparameters: see `RealtimeDetectorConfig`.

    `decoder_n_levels` is `num_feature_levels` again. The decoder's places lie up to `decoder_offset_scale` sizes of a box from
    its middle; with `decoder_method` "discrete", not "default", each is the pixel next to it. With `tie_word_embeddings` files
    name the decoder's heads twice.
    """

    model_type: ClassVar[str] = "rt_detr_v2"

    decoder_n_levels: Size = 3
    decoder_offset_scale: Positive = 0.5
    decoder_method: str = "default"
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        if self.decoder_method not in ("default", "discrete"):
            raise ConfigError(f"RTDetrV2Config: decoder_method is {self.decoder_method!r:.80}; expected default or discrete")
        if self.decoder_n_levels != self.num_feature_levels:
            raise ConfigError(
                f"RTDetrV2Config: decoder_n_levels is {self.decoder_n_levels}; expected num_feature_levels"
                f" ({self.num_feature_levels})"
            )


TASKS = {"base": "RTDetrV2Model", "object-detection": "RTDetrV2ForObjectDetection"}

PREPROCESSORS = {"image_processor": "RTDetrImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    RTDetrV2Config,
    TASKS,
    rt_detr,
    {
        "MultiscaleDeformableAttention": {"scale_name": "n_points_scale", "by_map": False},
        "ForObjectDetection": {"loss_type": "RTDetrV2ForObjectDetection", "names_heads_twice": True},
    },
)
