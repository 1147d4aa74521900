"""ViT-MAE (He et al. 2022, "Masked autoencoders are scalable vision learners").

Differs from ViT: it looks at a few patches, drawn anew in each call, and a narrower decoder paints all others. Positions are
sines and cosines of rows and columns, and are not trained.

Paper: https://arxiv.org/abs/2111.06377
"""

from typing import ClassVar

from ...core.kinds import Depth, Rate, Size
from ...core.plugins import lazy
from ...modeling.patch_config import PatchEncoderConfig


class ViTMAEConfig(PatchEncoderConfig):
    """Hyperparameters; the defaults are a ViT-Base's with patches of 16 pixels on images of 224.

    `mask_ratio` is the share of patches that the encoder does not see. The decoder has fields of its own for what it has of its
    own. With `norm_pix_loss` the pixels of each patch are normalised before they are compared with what was painted.
    """

    model_type: ClassVar[str] = "vit_mae"

    decoder_num_attention_heads: Size = 16
    decoder_hidden_size: Size = 512
    decoder_num_hidden_layers: Depth = 8
    decoder_intermediate_size: Size = 2048
    mask_ratio: Rate = 0.75
    norm_pix_loss: bool = False

    def validate(self) -> None:
        super().validate()
        self.divides("decoder_hidden_size", "decoder_num_attention_heads")


TASKS = {"base": "ViTMAEModel", "pretraining": "ViTMAEForPreTraining"}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["ViTMAEPreTrainedModel", *TASKS.values()]})
