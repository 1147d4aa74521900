"""Swin (Liu et al. 2021, "Swin Transformer: hierarchical vision transformer using shifted windows").

Differs from ViT: patches look at those of their window only, every other block shifts the windows by half their side, and
between stages four neighbours become one patch. Positions are biases on scores, one for each distance in a window.

Paper: https://arxiv.org/abs/2103.14030
"""

from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.window_config import WindowConfig


class SwinConfig(WindowConfig, BackboneConfig):
    """Hyperparameters; the defaults are Swin-T's on images of 224.

    `encoder_stride` is the number of pixels that the decoder of masked images makes of each last patch, a side.
    """

    model_type: ClassVar[str] = "swin"

    encoder_stride: Size = 32

    def validate(self) -> None:
        self.stage_names = stage_list(len(self.depths) if isinstance(self.depths, list | tuple) else 0)
        super().validate()


TASKS = {
    "base": "SwinModel",
    "image-classification": "SwinForImageClassification",
    "masked-image-modeling": "SwinForMaskedImageModeling",
    "backbone": "SwinBackbone",
}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["SwinPreTrainedModel", *TASKS.values()]})
