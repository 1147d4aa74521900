"""DINOv2 with registers (Darcet et al. 2024, "Vision transformers need registers").

Differs from DINOv2: behind the class token stand further tokens without positions, where the model may put what it found, so
that it does not put it into patches of the background.

Paper: https://arxiv.org/abs/2309.16588
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Count, Rate, Size
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import PatchConfig
from ...modeling.variant import Import, variant
from .. import dinov2


class Dinov2WithRegistersConfig(PatchConfig, BackboneConfig):
    """Hyperparameters, those of `Dinov2Config` and `num_register_tokens`."""

    model_type: ClassVar[str] = "dinov2_with_registers"

    mlp_ratio: Size = 4
    layer_norm_eps: Rate = 1e-6
    qkv_bias: bool = True
    layerscale_value: Amount = 1.0
    drop_path_rate: Rate = 0.0
    use_swiglu_ffn: bool = False
    num_register_tokens: Count = 4
    apply_layernorm: bool = True
    reshape_hidden_states: bool = True

    def validate(self) -> None:
        self.stage_names = stage_list(self.num_hidden_layers)
        super().validate()


TASKS = {
    "base": "Dinov2WithRegistersModel",
    "image-classification": "Dinov2WithRegistersForImageClassification",
    "backbone": "Dinov2WithRegistersBackbone",
}

PREPROCESSORS = {"image_processor": "BitImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Dinov2WithRegistersConfig,
    TASKS,
    dinov2,
    {
        "PreTrainedModel": {"base_model_prefix": "dinov2_with_registers"},
        "Embeddings": Import(".model.Dinov2WithRegistersEmbeddings"),
    },
)
