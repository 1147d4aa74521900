"""Mask2Former (Cheng et al. 2022, "Masked-attention mask transformer for universal image segmentation").

Differs from MaskFormer: maps of three sizes look at one another by deformable attention; queries look at each in turn, and
only at places inside of the mask that they drew last; masks are compared at random points.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.backbone_config import take_backbone
from ...modeling.config import PreTrainedConfig


class Mask2FormerConfig(PreTrainedConfig):
    """Hyperparameters.

    `backbone_config` is the config of any backbone here, by default Swin-T with 18 blocks in its third stage. `feature_size`
    is the width of the decoder of its maps, a multiple of 32, `mask_feature_size` that of the vectors of places, which lie
    `common_stride` pixels apart; `feature_strides` are the distances of the backbone's maps. `hidden_dim` is the width of the
    queries; maps as wide are projected too with `enforce_input_projection`. There are `decoder_layers` less one layers.
    `train_num_points` are compared of each mask; of `oversample_ratio` times as many, `importance_sample_ratio` of them are
    where the prediction is least certain. `class_weight`, `mask_weight` and `dice_weight` weigh the losses,
    `no_object_weight` the class "nothing" in the first. Every layer is trained; `output_auxiliary_logits` gives what they
    predict. `use_auxiliary_loss` and `ignore_value` are kept for files; nothing is computed by them, as in the published
    library.
    """

    model_type: ClassVar[str] = "mask2former"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_size": "hidden_dim", "num_hidden_layers": "decoder_layers"}

    backbone_config: Any = None
    feature_size: Size = 256
    mask_feature_size: Size = 256
    hidden_dim: Size = 256
    encoder_feedforward_dim: Size = 1024
    activation_function: str = "relu"
    encoder_layers: Depth = 6
    decoder_layers: Size = 10
    num_attention_heads: Size = 8
    dropout: Rate = 0.0
    dim_feedforward: Size = 2048
    pre_norm: bool = False
    enforce_input_projection: bool = False
    common_stride: Size = 4
    ignore_value: int = 255
    num_queries: Size = 100
    no_object_weight: Amount = 0.1
    class_weight: Amount = 2.0
    mask_weight: Amount = 5.0
    dice_weight: Amount = 5.0
    train_num_points: Size = 12544
    oversample_ratio: Positive = 3.0
    importance_sample_ratio: Rate = 0.75
    init_std: Amount = 0.02
    init_xavier_std: Amount = 1.0
    use_auxiliary_loss: bool = True
    feature_strides: Sequence[Size] = (4, 8, 16, 32)
    output_auxiliary_logits: bool | None = None

    def validate(self) -> None:
        usual = {
            "image_size": 224,
            "depths": [2, 2, 18, 2],
            "drop_path_rate": 0.3,
            "out_features": ["stage1", "stage2", "stage3", "stage4"],
        }
        take_backbone(self, {"model_type": "swin", **usual})
        super().validate()
        self.divides("hidden_dim", "num_attention_heads")
        self.divides("feature_size", "num_attention_heads")
        if self.feature_size % 32:
            raise ConfigError(f"Mask2FormerConfig: feature_size is {self.feature_size}; its norms need a multiple of 32")


TASKS = {"base": "Mask2FormerModel", "universal-segmentation": "Mask2FormerForUniversalSegmentation"}

PREPROCESSORS = {"image_processor": "Mask2FormerImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["Mask2FormerPreTrainedModel", "Mask2FormerModel", "Mask2FormerForUniversalSegmentation"],
        "image_processor": [
            "Mask2FormerImageProcessor",
            "Mask2FormerImageProcessorFast",
            "Mask2FormerImageProcessorPil",
        ],
    },
)
