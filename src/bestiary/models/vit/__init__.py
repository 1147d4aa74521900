"""ViT (Dosovitskiy et al. 2021, "An image is worth 16x16 words"): a transformer encoder over patches of an image.

Differs from BERT: the tokens are patches through one convolution, a learned class token comes first, positions are learned
per place in the grid, and norms stand before each half of a block, with one more after the last.
"""

from typing import ClassVar

from ...core.kinds import Amount, Depth, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class ViTConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are ViT-Base's with patches of 16 pixels on images of 224.

    `image_size` and `patch_size` are a number, or height and width. `encoder_stride` is the number of pixels that the
    decoder of masked images makes of each patch, a side.
    """

    model_type: ClassVar[str] = "vit"

    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.0
    attention_probs_dropout_prob: Rate = 0.0
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    image_size: Size | tuple[Size, Size] = 224
    patch_size: Size | tuple[Size, Size] = 16
    num_channels: Size = 3
    qkv_bias: bool = True
    encoder_stride: Size = 16
    pooler_output_size: Size | None = None
    pooler_act: str = "tanh"

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        self.pooler_output_size = self.pooler_output_size or self.hidden_size


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
