"""MobileViT (Mehta and Rastegari 2022, "MobileViT: light-weight, general-purpose, and mobile-friendly vision transformer").

MobileNet V2's layers, and in the last three stages a transformer between convolutions: places that lie alike in their patches
of 2x2 look at each other.

Paper: https://arxiv.org/abs/2110.02178
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig

STAGES = 3  # with a transformer
NECKS = 7


class MobileViTConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are MobileViT-S's on images of 256.

    `hidden_sizes` are the widths of the three transformers, `neck_hidden_sizes` those of the maps: behind the stem, behind each
    of five stages, and of the last states. Where maps are `output_stride` times smaller than the image, further convolutions
    are dilated in place of making them smaller still. `aspp_out_channels` and `atrous_rates`, how far its three convolutions
    are dilated, are those of the head that labels places; those whose label is `semantic_loss_ignore_index` do not count in
    its loss.
    """

    model_type: ClassVar[str] = "mobilevit"

    num_channels: Size = 3
    image_size: Size = 256
    patch_size: Size = 2
    hidden_sizes: Sequence[Size] = (144, 192, 240)
    neck_hidden_sizes: Sequence[Size] = (16, 32, 64, 96, 128, 160, 640)
    num_attention_heads: Size = 4
    mlp_ratio: Positive = 2.0
    expand_ratio: Positive = 4.0
    hidden_act: str = "silu"
    conv_kernel_size: Size = 3
    output_stride: Size = 32
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.0
    classifier_dropout_prob: Rate = 0.1
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-5
    qkv_bias: bool = True
    aspp_out_channels: Size = 256
    atrous_rates: Sequence[Size] = (6, 12, 18)
    aspp_dropout_prob: Rate = 0.1
    semantic_loss_ignore_index: int = 255

    def validate(self) -> None:
        super().validate()
        for name, count in (("hidden_sizes", STAGES), ("neck_hidden_sizes", NECKS), ("atrous_rates", 3)):
            setattr(self, name, list(self.get(name)))
            if len(self.get(name)) != count:
                raise ConfigError(f"MobileViTConfig: {name} are {self.get(name)}; expected {count} numbers")
        for size in self.hidden_sizes:
            if size % self.num_attention_heads:
                raise ConfigError(
                    f"MobileViTConfig: {self.num_attention_heads} heads (num_attention_heads) do not divide {size} of"
                    f" hidden_sizes {self.hidden_sizes}"
                )


TASKS = {
    "base": "MobileViTModel",
    "image-classification": "MobileViTForImageClassification",
    "semantic-segmentation": "MobileViTForSemanticSegmentation",
}

PREPROCESSORS = {"image_processor": "MobileViTImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["MobileViTPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "MobileViTImageProcessor",
            "MobileViTImageProcessorFast",
            "MobileViTImageProcessorPil",
            "MobileViTFeatureExtractor",
        ],
    },
)
