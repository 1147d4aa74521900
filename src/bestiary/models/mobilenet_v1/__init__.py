"""MobileNet (Howard et al. 2017, "MobileNets: efficient convolutional neural networks for mobile vision applications").

Each layer is two convolutions: one of 3x3 for every channel alone, one of 1x1 over all channels.

Paper: https://arxiv.org/abs/1704.04861
"""

from typing import ClassVar

from ...core.kinds import Amount, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.patch_config import Pair


class MobileNetV1Config(PreTrainedConfig):
    """Hyperparameters; the defaults are MobileNet's on images of 224.

    Every width is multiplied by `depth_multiplier` and at least `min_depth`. With `tf_padding` maps are padded as TensorFlow
    does, so that they become smaller by the stride alone.
    """

    model_type: ClassVar[str] = "mobilenet_v1"

    num_channels: Size = 3
    image_size: Pair = 224
    depth_multiplier: Positive = 1.0
    min_depth: Size = 8
    hidden_act: str = "relu6"
    tf_padding: bool = True
    classifier_dropout_prob: Rate = 0.999
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 0.001

    def width(self, channels: int) -> int:
        """How many channels a layer has that is `channels` wide in the paper."""
        return max(int(channels * self.depth_multiplier), self.min_depth)


TASKS = {"base": "MobileNetV1Model", "image-classification": "MobileNetV1ForImageClassification"}

PREPROCESSORS = {"image_processor": "MobileNetV1ImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["MobileNetV1PreTrainedModel", *TASKS.values()],
        "image_processor": [
            "MobileNetV1ImageProcessor",
            "MobileNetV1ImageProcessorFast",
            "MobileNetV1ImageProcessorPil",
            "MobileNetV1FeatureExtractor",
        ],
    },
)
