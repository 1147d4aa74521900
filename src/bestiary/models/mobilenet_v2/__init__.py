"""MobileNet V2 (Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks").

Differs from MobileNet: a layer widens its maps before the convolution of 3x3 for every channel alone, and narrows them again
without an activation; where neither width nor size changes, its input is added.

Paper: https://arxiv.org/abs/1801.04381
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.patch_config import Pair


class MobileNetV2Config(PreTrainedConfig):
    """Hyperparameters; the defaults are MobileNet V2's on images of 224.

    Every width is multiplied by `depth_multiplier`, rounded to a multiple of `depth_divisible_by` and at least `min_depth`;
    with `finegrained_output` the last one does not become smaller. Where maps are `output_stride` times smaller than the image,
    further convolutions are dilated in place of making them smaller still. Without `first_layer_is_expansion` the stem has one
    more convolution of 1x1. With `tf_padding` maps are padded as TensorFlow does. Places whose label is
    `semantic_loss_ignore_index` do not count in the loss of maps.
    """

    model_type: ClassVar[str] = "mobilenet_v2"

    num_channels: Size = 3
    image_size: Pair = 224
    depth_multiplier: Positive = 1.0
    depth_divisible_by: Size = 8
    min_depth: Size = 8
    expand_ratio: Positive = 6.0
    output_stride: Size = 32
    first_layer_is_expansion: bool = True
    finegrained_output: bool = True
    hidden_act: str = "relu6"
    tf_padding: bool = True
    classifier_dropout_prob: Rate = 0.8
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 0.001
    semantic_loss_ignore_index: int = 255

    def validate(self) -> None:
        super().validate()
        if self.output_stride not in (8, 16, 32):
            raise ConfigError(f"MobileNetV2Config: output_stride is {self.output_stride}; expected 8, 16 or 32")

    def width(self, channels: float) -> int:
        """The multiple of `depth_divisible_by` next to `channels`, at least `min_depth` and 90 % of `channels`."""
        unit, wanted = self.depth_divisible_by, round(channels)
        rounded = max(self.min_depth, int(wanted + unit / 2) // unit * unit)
        return rounded + unit if rounded < 0.9 * wanted else rounded

    def multiplied(self, channels: int) -> int:
        """How many channels a layer has that is `channels` wide in the paper."""
        return self.width(channels * self.depth_multiplier)


TASKS = {
    "base": "MobileNetV2Model",
    "image-classification": "MobileNetV2ForImageClassification",
    "semantic-segmentation": "MobileNetV2ForSemanticSegmentation",
}

PREPROCESSORS = {"image_processor": "MobileNetV2ImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["MobileNetV2PreTrainedModel", *TASKS.values()],
        "image_processor": [
            "MobileNetV2ImageProcessor",
            "MobileNetV2ImageProcessorFast",
            "MobileNetV2ImageProcessorPil",
            "MobileNetV2FeatureExtractor",
        ],
    },
)
