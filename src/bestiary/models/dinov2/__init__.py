"""DINOv2 (Oquab et al. 2024, "Learning robust visual features without supervision").

Differs from ViT: what each half of a block adds is scaled channel by channel and left out now and then in training, the MLP
may be gated, images may have any size, and the classifier also looks at the mean of all patches.

Paper: https://arxiv.org/abs/2304.07193
"""

from typing import ClassVar

from ...core.kinds import Amount, Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import Pair, PatchConfig


class Dinov2Config(PatchConfig, BackboneConfig):
    """Hyperparameters; the defaults are those of DINOv2-B with patches of 14 pixels on images of 224.

    The MLP is `mlp_ratio` times as wide as the states; with `use_swiglu_ffn` it is gated, and two thirds of that, in whole
    eights. A backbone's maps go through the last norm with `apply_layernorm`; without `reshape_hidden_states` they are the
    states of all tokens (B, T, D).
    """

    model_type: ClassVar[str] = "dinov2"

    mlp_ratio: Size = 4
    layer_norm_eps: Rate = 1e-6
    patch_size: Pair = 14
    qkv_bias: bool = True
    layerscale_value: Amount = 1.0
    drop_path_rate: Rate = 0.0
    use_swiglu_ffn: bool = False
    apply_layernorm: bool = True
    reshape_hidden_states: bool = True
    use_mask_token: bool = True

    def validate(self) -> None:
        self.stage_names = stage_list(self.num_hidden_layers)
        super().validate()


TASKS = {
    "base": "Dinov2Model",
    "image-classification": "Dinov2ForImageClassification",
    "backbone": "Dinov2Backbone",
}

PREPROCESSORS = {"image_processor": "BitImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["Dinov2PreTrainedModel", *TASKS.values()]})
