"""LightGlue (Lindenberger et al. 2023, "LightGlue: local feature matching at light speed").

A transformer matches the points of two images: in each layer the points of an image look at each other, turned by where they
lie, then at those of the other image. Pairs that are easy end after few layers, and points that match nothing are left out.
"""

from typing import Any, ClassVar

from ...core.kinds import Amount, Endless, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.keypoint_config import take_detector


class LightGlueConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of LightGlue over SuperPoint.

    `keypoint_detector_config` is the config of what finds the points, or what a file holds of it. A pair of images ends early
    when more than `depth_confidence` of its points are certain, and a point is left out whose chance to match is no more than
    1 - `width_confidence`; neither happens where these are not above 0. Matches need a probability above `filter_threshold`.
    `hidden_size` is `descriptor_dim`, and `intermediate_size` twice that, whatever is given.
    """

    model_type: ClassVar[str] = "lightglue"

    keypoint_detector_config: Any = None
    descriptor_dim: Size = 256
    num_hidden_layers: Size = 9
    num_attention_heads: Size = 4
    num_key_value_heads: Size | None = None
    depth_confidence: Endless = 0.95
    width_confidence: Endless = 0.99
    filter_threshold: Endless = 0.1
    initializer_range: Amount = 0.02
    hidden_act: str = "gelu"
    attention_dropout: Rate = 0.0
    attention_bias: bool = True
    hidden_size: Size | None = None
    intermediate_size: Size | None = None

    def validate(self) -> None:
        take_detector(self)
        super().validate()
        self.num_key_value_heads = self.num_key_value_heads or self.num_attention_heads
        self.hidden_size, self.intermediate_size = self.descriptor_dim, 2 * self.descriptor_dim
        self.divides("descriptor_dim", "num_attention_heads")
        self.divides("num_attention_heads", "num_key_value_heads")


TASKS = dict.fromkeys(("base", "keypoint-matching"), "LightGlueForKeypointMatching")

PREPROCESSORS = {"image_processor": "LightGlueImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["LightGluePreTrainedModel", "LightGlueForKeypointMatching"],
        "image_processor": ["LightGlueImageProcessor", "LightGlueImageProcessorFast", "LightGlueImageProcessorPil"],
    },
)
