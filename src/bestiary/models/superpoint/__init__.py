"""SuperPoint (DeTone et al. 2018, "SuperPoint: self-supervised interest point detection and description").

Convolutions on one channel of an image; from their map one decoder tells how likely each pixel is a point that can be found
again in another picture, and another one makes a vector of each place, by which such points are compared.

Paper: https://arxiv.org/abs/1712.07629
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Size, Whole
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class SuperPointConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are the published model's.

    `keypoint_threshold` is the score above which a pixel is a point, of which at most `max_keypoints` are kept (-1: all);
    within `nms_radius` pixels the best alone counts. Points nearer than `border_removal_distance` to the left or upper edge are
    left out. `keypoint_decoder_dim` is the number of pixels of a cell, 64, and one more for "no point".
    """

    model_type: ClassVar[str] = "superpoint"

    encoder_hidden_sizes: list[Size] | tuple[Size, ...] = (64, 64, 128, 128)
    decoder_hidden_size: Size = 256
    keypoint_decoder_dim: Size = 65
    descriptor_decoder_dim: Size = 256
    keypoint_threshold: Amount = 0.005
    max_keypoints: int = -1
    nms_radius: Whole = 4
    border_removal_distance: Whole = 4
    initializer_range: Amount = 0.02

    def validate(self) -> None:
        super().validate()
        if len(self.encoder_hidden_sizes) != 4 or self.keypoint_decoder_dim != 65:
            raise ConfigError(
                f"SuperPointConfig: encoder_hidden_sizes has {len(self.encoder_hidden_sizes)} entries and keypoint_decoder_dim"
                f" is {self.keypoint_decoder_dim}; expected 4 and 65, by which a cell of the map is 8 x 8 pixels"
            )


TASKS = {"keypoint-detection": "SuperPointForKeypointDetection"}

PREPROCESSORS = {"image_processor": "SuperPointImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["SuperPointPreTrainedModel", *TASKS.values()],
        "image_processor": ["SuperPointImageProcessor", "SuperPointImageProcessorFast", "SuperPointImageProcessorPil"],
    },
)
