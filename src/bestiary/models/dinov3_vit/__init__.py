"""DINOv3 (Siméoni et al. 2025): DINOv2 grown, with rotary positions in the plane.

Differs from DINOv2 with registers: queries and keys turn by angles, half of which follow from the row of a patch and half from
its column, both in -1..1 whatever the image's size; in training these places are stretched and shifted.

Paper: https://arxiv.org/abs/2508.10104
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import Pair


class DINOv3ViTConfig(BackboneConfig):
    """Hyperparameters; the defaults are those of DINOv3 ViT-S with patches of 16 pixels.

    `rope_theta` is the slowest wavelength of positions. In training, places in -1..1 are moved by up to `pos_embed_shift`,
    stretched by up to `pos_embed_jitter` in each direction alone and by up to `pos_embed_rescale` in both (None: not at all).
    With `use_gated_mlp` the MLP is gated. A backbone's maps go through the last norm with `apply_layernorm`; without
    `reshape_hidden_states` they are the states of all tokens (B, T, D).
    """

    model_type: ClassVar[str] = "dinov3_vit"

    patch_size: Pair = 16
    hidden_size: Size = 384
    intermediate_size: Size = 1536
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 6
    hidden_act: str = "gelu"
    attention_dropout: Rate = 0.0
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-5
    rope_theta: Positive = 100.0
    image_size: Pair = 224
    num_channels: Size = 3
    query_bias: bool = True
    key_bias: bool = False
    value_bias: bool = True
    proj_bias: bool = True
    mlp_bias: bool = True
    layerscale_value: Amount = 1.0
    drop_path_rate: Rate = 0.0
    use_gated_mlp: bool = False
    num_register_tokens: Count = 0
    pos_embed_shift: Amount | None = None
    pos_embed_jitter: Positive | None = None
    pos_embed_rescale: Positive | None = 2.0
    apply_layernorm: bool = True
    reshape_hidden_states: bool = True

    def validate(self) -> None:
        self.stage_names = stage_list(self.num_hidden_layers)
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        width = self.hidden_size // self.num_attention_heads
        if width % 4:
            raise ConfigError(
                f"DINOv3ViTConfig: heads are {width} wide (hidden_size / num_attention_heads); positions in the plane need a"
                " multiple of 4"
            )


TASKS = {"base": "DINOv3ViTModel", "backbone": "DINOv3ViTBackbone"}

PREPROCESSORS = {"image_processor": "DINOv3ViTImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DINOv3ViTPreTrainedModel", *TASKS.values()],
        "image_processor": ["DINOv3ViTImageProcessor", "DINOv3ViTImageProcessorFast"],
    },
)
