"""Conditional DETR (Meng et al. 2021, "Conditional DETR for fast training convergence"): DETR whose queries have a place.

What a query looks for is matched apart from where it looks: each head's queries and keys are contents beside positions. The
positions of a query are sines of a point, scaled by its states, and its box is told from that point. Classes are judged one by
one, so that there is none for "no object".

Paper: https://arxiv.org/abs/2108.06152
"""

from typing import ClassVar

from ...core.kinds import Amount, Rate, Size
from ...core.plugins import lazy
from ...modeling.detector_config import DetectorConfig


class ConditionalDetrConfig(DetectorConfig):
    """Hyperparameters: see `DetectorConfig`. `focal_alpha` is the balance of the focal loss of classes.

    `cls_loss_coefficient` is kept for files: the loss of classes counts 1, as in the published library.
    """

    model_type: ClassVar[str] = "conditional_detr"

    num_queries: Size = 300
    decoder_layerdrop: Rate = 0.0
    class_cost: Amount = 2
    cls_loss_coefficient: Amount = 2
    focal_alpha: Amount = 0.25


TASKS = {"base": "ConditionalDetrModel", "object-detection": "ConditionalDetrForObjectDetection"}

PREPROCESSORS = {"image_processor": "ConditionalDetrImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["ConditionalDetrPreTrainedModel", *TASKS.values(), "ConditionalDetrForSegmentation"],
        "image_processor": [
            "ConditionalDetrImageProcessor",
            "ConditionalDetrImageProcessorFast",
            "ConditionalDetrImageProcessorPil",
            "ConditionalDetrFeatureExtractor",
        ],
    },
)
