"""MobileViT V2 (Mehta and Rastegari 2022, "Separable self-attention for mobile vision transformers").

Differs from MobileViT: attention costs as much as a convolution, for a place does not look at every other one: one weight for
each place makes one context of all, by which all values are multiplied. All widths follow from one number.
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ..mobilevit import STAGES


class MobileViTV2Config(PreTrainedConfig):
    """Hyperparameters; the defaults are those of MobileViT V2 1.0 on images of 256.

    `width_multiplier` is that of all widths; `base_attn_unit_dims` are those of the three transformers before it,
    `n_attn_blocks` their layers, whose MLPs are `ffn_multiplier` times as wide. `output_stride`, `aspp_out_channels`,
    `atrous_rates` and `semantic_loss_ignore_index` are those of `MobileViTConfig`.
    """

    model_type: ClassVar[str] = "mobilevitv2"

    num_channels: Size = 3
    image_size: Size = 256
    patch_size: Size = 2
    expand_ratio: Positive = 2.0
    hidden_act: str = "swish"
    conv_kernel_size: Size = 3
    output_stride: Size = 32
    classifier_dropout_prob: Rate = 0.1
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-5
    aspp_out_channels: Size = 512
    atrous_rates: Sequence[Size] = (6, 12, 18)
    aspp_dropout_prob: Rate = 0.1
    semantic_loss_ignore_index: int = 255
    n_attn_blocks: Sequence[Depth] = (2, 4, 3)
    base_attn_unit_dims: Sequence[Size] = (128, 192, 256)
    width_multiplier: Positive = 1.0
    ffn_multiplier: Positive = 2
    attn_dropout: Rate = 0.0
    ffn_dropout: Rate = 0.0

    def validate(self) -> None:
        super().validate()
        for name in ("atrous_rates", "n_attn_blocks", "base_attn_unit_dims"):
            setattr(self, name, list(self.get(name)))
            if len(self.get(name)) != STAGES:
                raise ConfigError(f"MobileViTV2Config: {name} are {self.get(name)}; expected {STAGES} numbers")


TASKS = {
    "base": "MobileViTV2Model",
    "image-classification": "MobileViTV2ForImageClassification",
    "semantic-segmentation": "MobileViTV2ForSemanticSegmentation",
}

PREPROCESSORS = {"image_processor": "MobileViTImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["MobileViTV2PreTrainedModel", *TASKS.values()]})
