"""ViT (Dosovitskiy et al. 2021, "An image is worth 16x16 words"): a transformer encoder over patches of an image.

Differs from BERT: the tokens are patches through one convolution, a learned class token comes first, positions are learned
per place in the grid, and norms stand before each half of a block, with one more after the last.

Paper: https://arxiv.org/abs/2010.11929
"""

from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.patch_config import PooledPatchConfig


class ViTConfig(PooledPatchConfig):
    """Hyperparameters; the defaults are ViT-Base's with patches of 16 pixels on images of 224.

    `encoder_stride` is the number of pixels that the decoder of masked images makes of each patch, a side.
    """

    model_type: ClassVar[str] = "vit"

    encoder_stride: Size = 16


TASKS = {
    "base": "ViTModel",
    "image-classification": "ViTForImageClassification",
    "masked-image-modeling": "ViTForMaskedImageModeling",
}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["ViTPreTrainedModel", *TASKS.values()],
        "image_processor": ["ViTImageProcessor", "ViTImageProcessorFast", "ViTImageProcessorPil", "ViTFeatureExtractor"],
    },
)
