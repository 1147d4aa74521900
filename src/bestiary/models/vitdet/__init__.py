"""ViTDet (Li et al. 2022, "Exploring plain vision transformer backbones for object detection").

Differs from ViT: states are maps without a class token, most blocks look at windows only, and a few may end in convolutions
that carry what one window knows to the next.
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.patch_config import Pair


class VitDetConfig(BackboneConfig):
    """Hyperparameters; the defaults are those of ViT-Base with patches of 16 pixels on images of 224.

    Blocks of `window_block_indices` look at windows of `window_size` patches a side, those of `residual_block_indices` end in
    convolutions. `use_absolute_position_embeddings` adds learned positions, trained on images of `pretrain_image_size` behind
    one of a class token, to the patches, `use_relative_position_embeddings` trained distances to the scores.
    """

    model_type: ClassVar[str] = "vitdet"

    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    mlp_ratio: Positive = 4
    hidden_act: str = "gelu"
    dropout_prob: Rate = 0.0
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-6
    image_size: Pair = 224
    pretrain_image_size: Pair = 224
    patch_size: Pair = 16
    num_channels: Size = 3
    qkv_bias: bool = True
    drop_path_rate: Rate = 0.0
    window_block_indices: Sequence[Count] = ()
    residual_block_indices: Sequence[Count] = ()
    use_absolute_position_embeddings: bool = True
    use_relative_position_embeddings: bool = False
    window_size: Count = 0

    def validate(self) -> None:
        self.stage_names = stage_list(self.num_hidden_layers)
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        for name in ("window_block_indices", "residual_block_indices"):
            setattr(self, name, list(self.get(name)))
        if self.window_block_indices and not self.window_size:
            raise ConfigError(
                f"VitDetConfig: window_block_indices {self.window_block_indices} look at windows; set window_size, their side"
            )


TASKS = {"base": "VitDetModel", "backbone": "VitDetBackbone"}

__getattr__, __dir__ = lazy(__name__, {"model": ["VitDetPreTrainedModel", *TASKS.values()]})
