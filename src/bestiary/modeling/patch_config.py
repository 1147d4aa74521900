"""The hyperparameters of encoders over patches of an image, ViT's relatives. Needs no torch."""

from ..core.kinds import Amount, Depth, Rate, Size
from .config import PreTrainedConfig

Pair = Size | tuple[Size, Size]  # a square, or height and width


class ImageEncoderConfig(PreTrainedConfig):
    """Base of the configs of encoders over parts of images or films, whatever these are; the defaults are ViT-Base's."""

    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.0
    attention_probs_dropout_prob: Rate = 0.0
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    image_size: Pair = 224
    num_channels: Size = 3

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")


class PatchConfig(ImageEncoderConfig):
    """Base of the configs of encoders over patches; the defaults are ViT-Base's with patches of 16 pixels on images of 224.

    `image_size` and `patch_size` are a number, or height and width.
    """

    patch_size: Pair = 16


class PatchEncoderConfig(PatchConfig):
    """Base of the configs of ViT and of those whose blocks are its own."""

    intermediate_size: Size = 3072
    qkv_bias: bool = True


class PooledPatchConfig(PatchEncoderConfig):
    """Base of the configs of those that may have ViT's pooler as well, of width `pooler_output_size` (None: `hidden_size`)."""

    pooler_output_size: Size | None = None
    pooler_act: str = "tanh"

    def validate(self) -> None:
        super().validate()
        self.pooler_output_size = self.pooler_output_size or self.hidden_size
