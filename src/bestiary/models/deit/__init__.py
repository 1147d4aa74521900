"""DeiT (Touvron et al. 2021, "Training data-efficient image transformers and distillation through attention").

Differs from ViT: a second token of its own, behind the class token, which learned from another model what that said of images.

Paper: https://arxiv.org/abs/2012.12877
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Size
from ...modeling.patch_config import PooledPatchConfig
from ...modeling.variant import Import, variant
from .. import vit


class DeiTConfig(PooledPatchConfig):
    """Hyperparameters; the defaults are DeiT-B's with patches of 16 pixels on images of 224.

    `encoder_stride` is the number of pixels that the decoder of masked images makes of each patch, a side.
    """

    model_type: ClassVar[str] = "deit"

    encoder_stride: Size = 16


TASKS = {
    "base": "DeiTModel",
    "image-classification": "DeiTForImageClassification",
    "image-classification-with-teacher": "DeiTForImageClassificationWithTeacher",
    "masked-image-modeling": "DeiTForMaskedImageModeling",
}

PREPROCESSORS = {"image_processor": "DeiTImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    DeiTConfig,
    TASKS,
    vit,
    {
        "PreTrainedModel": {"base_model_prefix": "deit", "_keys_to_ignore_on_load_unexpected": []},
        "Embeddings": {"leading": ("cls_token", "distillation_token"), "starts_at_zero": True},
        "Model": {"_keys_to_ignore_on_load_unexpected": []},
        "ForImageClassificationWithTeacher": Import(".model.DeiTForImageClassificationWithTeacher"),
    },
    {
        "model": ["DeiTForImageClassificationWithTeacherOutput"],
        "image_processor": ["DeiTImageProcessor", "DeiTImageProcessorFast", "DeiTImageProcessorPil", "DeiTFeatureExtractor"],
    },
)
