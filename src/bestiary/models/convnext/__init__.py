"""ConvNeXt (Liu et al. 2022, "A ConvNet for the 2020s"): stages of convolutions built as a transformer's blocks are.

Differs from ResNet: each block is a convolution of 7x7 for every channel alone, layer norm, and an MLP four times as wide; a
layer norm and a convolution of 2x2 stand between stages.

Paper: https://arxiv.org/abs/2201.03545
"""

from typing import ClassVar

from ...core.kinds import Amount
from ...core.plugins import lazy
from ...modeling.convolution_config import ConvolutionStagesConfig


class ConvNextConfig(ConvolutionStagesConfig):
    """Hyperparameters; the defaults are ConvNeXt-T's.

    What a block adds is multiplied by a trained number for each channel that starts at `layer_scale_init_value`, unless that
    is 0.
    """

    model_type: ClassVar[str] = "convnext"

    layer_scale_init_value: Amount = 1e-6


TASKS = {
    "base": "ConvNextModel",
    "image-classification": "ConvNextForImageClassification",
    "backbone": "ConvNextBackbone",
}

PREPROCESSORS = {"image_processor": "ConvNextImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["ConvNextPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "ConvNextImageProcessor",
            "ConvNextImageProcessorFast",
            "ConvNextImageProcessorPil",
            "ConvNextFeatureExtractor",
        ],
    },
)
