"""DETR (Carion et al. 2020, "End-to-end object detection with transformers"): an image becomes a set of boxes.

The last feature map of a convolutional backbone is the encoder's sequence. The decoder turns a fixed number of learned
queries into objects, all at once. Positions are added to queries and keys in every layer, never to values.

Paper: https://arxiv.org/abs/2005.12872
"""

from typing import ClassVar

from ...core.kinds import Amount, Rate
from ...core.plugins import lazy
from ...modeling.detector_config import DetectorConfig


class DetrConfig(DetectorConfig):
    """Hyperparameters: see `DetectorConfig`. `eos_coefficient` is the weight of "no object" in the loss."""

    model_type: ClassVar[str] = "detr"

    decoder_layerdrop: Rate = 0.0
    eos_coefficient: Amount = 0.1


TASKS = {
    "base": "DetrModel",
    "object-detection": "DetrForObjectDetection",
    "image-segmentation": "DetrForSegmentation",
    "universal-segmentation": "DetrForSegmentation",
}

PREPROCESSORS = {"image_processor": "DetrImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DetrPreTrainedModel", "DetrModel", "DetrForObjectDetection"],
        "segmentation": ["DetrForSegmentation"],
        "image_processor": ["DetrImageProcessor", "DetrImageProcessorFast", "DetrImageProcessorPil", "DetrFeatureExtractor"],
    },
)
