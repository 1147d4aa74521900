"""Pixio (Yang et al. 2025, "In pursuit of pixel supervision for visual pre-training").

Differs from ViT: several class tokens, whose mean stands for the image, images of any size, and branches that are left out now
and then in training.

Paper: https://arxiv.org/abs/2512.15715
"""

from typing import ClassVar

from ...core.kinds import Depth, Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import Pair, PatchConfig


class PixioConfig(PatchConfig, BackboneConfig):
    """Hyperparameters; the defaults are those of Pixio-H with patches of 16 pixels on images of 256.

    The MLP is `mlp_ratio` times as wide as the states. A backbone's maps go through a norm with `apply_layernorm`; without
    `reshape_hidden_states` they are the states of all tokens (B, T, D).
    """

    model_type: ClassVar[str] = "pixio"

    hidden_size: Size = 1280
    num_hidden_layers: Depth = 32
    num_attention_heads: Size = 16
    mlp_ratio: Size = 4
    layer_norm_eps: Rate = 1e-6
    image_size: Pair = 256
    qkv_bias: bool = True
    drop_path_rate: Rate = 0.0
    apply_layernorm: bool = True
    reshape_hidden_states: bool = True
    n_cls_tokens: Size = 8

    def validate(self) -> None:
        self.stage_names = stage_list(self.num_hidden_layers)
        super().validate()


TASKS = {"base": "PixioModel", "backbone": "PixioBackbone"}

PREPROCESSORS = {"image_processor": "BitImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["PixioPreTrainedModel", *TASKS.values()]})
