"""FocalNet (Yang et al. 2022, "Focal modulation networks").

Differs from Swin: in place of attention each place is multiplied by what convolutions of growing width saw around it, and gates
weigh how much of each width.

Paper: https://arxiv.org/abs/2203.11926
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Positive, Rate, Size, check
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import Pair
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import swin


class FocalNetConfig(BackboneConfig):
    """Hyperparameters; the defaults are those of FocalNet-T on images of 224.

    `depths` are the blocks of each stage, `focal_levels` how many convolutions each block looks with and `focal_windows` the
    width of the first, from which each next one is 2 wider. `embed_dim` is the width of the first stage, twice as much that of
    each next one; `hidden_sizes` are of no effect. With `use_conv_embed` patches overlap. With `use_post_layernorm` norms stand
    behind each half of a block, with `use_post_layernorm_in_modulation` one more in front of its last projection; with
    `normalize_modulator` what the convolutions saw is divided by their number. With `use_layerscale` what a half adds is
    multiplied by a trained number for each channel that starts at `layerscale_value`. `encoder_stride` is the number of pixels
    that the decoder of masked images makes of each last patch, a side.
    """

    model_type: ClassVar[str] = "focalnet"

    image_size: Pair = 224
    patch_size: Pair = 4
    num_channels: Size = 3
    embed_dim: Size = 96
    use_conv_embed: bool = False
    hidden_sizes: Sequence[Size] = (192, 384, 768, 768)
    depths: Sequence[Depth] = (2, 2, 6, 2)
    focal_levels: Sequence[Size] = (2, 2, 2, 2)
    focal_windows: Sequence[Size] = (3, 3, 3, 3)
    hidden_act: str = "gelu"
    mlp_ratio: Positive = 4.0
    hidden_dropout_prob: Rate = 0.0
    drop_path_rate: Rate = 0.1
    use_layerscale: bool = False
    layerscale_value: Amount = 1e-4
    use_post_layernorm: bool = False
    use_post_layernorm_in_modulation: bool = False
    normalize_modulator: bool = False
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-5
    encoder_stride: Size = 32

    def validate(self) -> None:
        check("FocalNetConfig", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()
        for name in ("hidden_sizes", "depths", "focal_levels", "focal_windows"):
            setattr(self, name, list(self.get(name)))
        for name in ("focal_levels", "focal_windows"):
            if len(self.get(name)) < len(self.depths) or not self.depths:
                raise ConfigError(
                    f"FocalNetConfig: the stages of depths {self.depths} need as many {name}, not {self.get(name)}"
                )


TASKS = {
    "base": "FocalNetModel",
    "image-classification": "FocalNetForImageClassification",
    "masked-image-modeling": "FocalNetForMaskedImageModeling",
    "backbone": "FocalNetBackbone",
}

PREPROCESSORS = {"image_processor": "BitImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    FocalNetConfig,
    TASKS,
    swin,
    {
        "PreTrainedModel": {
            "base_model_prefix": "focalnet",
            "stacks": {"": Stack("encoder.stages")},
            "embeddings_class": Import(".model.FocalNetEmbeddings"),
            "encoder_class": Import(".model.FocalNetEncoder"),
            "_no_split_modules": ["FocalNetStage"],
            "_weight_rules": (),
            "_keys_to_ignore_on_load_unexpected": [],
        },
        "Backbone": Import(".model.FocalNetBackbone"),
    },
)
