"""ViT-MSN (Assran et al. 2022, "Masked siamese networks for label-efficient learning").

Differs from ViT: there is no pooler; a masked image is trained to look like the whole one, so few labels are enough.

Paper: https://arxiv.org/abs/2204.07141
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Rate
from ...modeling.patch_config import PatchEncoderConfig
from ...modeling.variant import Import, variant
from .. import vit


class ViTMSNConfig(PatchEncoderConfig):
    """Hyperparameters; the defaults are a ViT-Base's with patches of 16 pixels on images of 224."""

    model_type: ClassVar[str] = "vit_msn"

    layer_norm_eps: Rate = 1e-6


TASKS = {"base": "ViTMSNModel", "image-classification": "ViTMSNForImageClassification"}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    ViTMSNConfig,
    TASKS,
    vit,
    {
        "Embeddings": {"starts_at_zero": True},
        "Model": Import(".model.ViTMSNModel"),
        "ForImageClassification": Import(".model.ViTMSNForImageClassification"),
    },
)
