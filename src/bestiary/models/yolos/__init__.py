"""YOLOS (Fang et al. 2021, "You only look at one sequence: rethinking transformer in vision through object detection").

ViT with learned tokens behind the patches, whose last states become objects as in DETR. Positions are learned for one size of
images and interpolated to every other; a table of its own is added behind every block but the last.

Paper: https://arxiv.org/abs/2106.00666
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Size
from ...core.plugins import lazy
from ...modeling.patch_config import PatchEncoderConfig


class YolosConfig(PatchEncoderConfig):
    """Hyperparameters; the defaults are YOLOS-Base's.

    `num_detection_tokens` is the number of objects that are looked for. Without `use_mid_position_embeddings` positions are
    added to the patches alone. What ends in `_cost` weighs by what predicted objects are matched to real ones, what ends in
    `_coefficient` the losses of those matched; `eos_coefficient` is the weight of "no object". `auxiliary_loss` is refused:
    no objects are made of the states between, and the published model fails with it.
    """

    model_type: ClassVar[str] = "yolos"

    image_size: Size | tuple[Size, Size] = (512, 864)
    num_detection_tokens: Size = 100
    use_mid_position_embeddings: bool = True
    auxiliary_loss: bool = False
    class_cost: Amount = 1
    bbox_cost: Amount = 5
    giou_cost: Amount = 2
    bbox_loss_coefficient: Amount = 5
    giou_loss_coefficient: Amount = 2
    eos_coefficient: Amount = 0.1

    def validate(self) -> None:
        super().validate()
        if self.auxiliary_loss:
            raise ConfigError(
                "YolosConfig: auxiliary_loss=True needs objects of every layer, which YOLOS does not make; leave it"
            )


TASKS = {"base": "YolosModel", "object-detection": "YolosForObjectDetection"}

PREPROCESSORS = {"image_processor": "YolosImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["YolosPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "YolosImageProcessor",
            "YolosImageProcessorFast",
            "YolosImageProcessorPil",
            "YolosFeatureExtractor",
        ],
    },
)
