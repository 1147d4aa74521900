"""I-JEPA (Assran et al. 2023, "Self-supervised learning from images with a joint-embedding predictive architecture").

Differs from ViT: no class token; the mean of all patches stands for the image.

Paper: https://arxiv.org/abs/2301.08243
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.patch_config import PooledPatchConfig
from ...modeling.variant import Import, variant
from .. import vit


class IJepaConfig(PooledPatchConfig):
    """Hyperparameters; the defaults are a ViT-Base's with patches of 16 pixels on images of 224."""

    model_type: ClassVar[str] = "ijepa"


TASKS = {"base": "IJepaModel", "image-classification": "IJepaForImageClassification"}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    IJepaConfig,
    TASKS,
    vit,
    {
        "PreTrainedModel": {"base_model_prefix": "ijepa"},
        "Embeddings": {"leading": ()},
        "Model": Import(".model.IJepaModel"),
        "ForImageClassification": Import(".model.IJepaForImageClassification"),
    },
)
