"""The hyperparameters of encoders over patches that also draw masks. Needs no torch."""

from ..core.kinds import Amount, Count, Depth, Positive, Rate, Size
from .config import PreTrainedConfig


class QueriedEncoderConfig(PreTrainedConfig):
    """Base of the configs of EoMT; the defaults are those of EoMT-L on images of 640.

    The last `num_blocks` layers also have `num_queries` queries, each of which draws a mask. Maps of patches are enlarged twice
    by each of `num_upscale_blocks`. `train_num_points` are compared of each mask; of `oversample_ratio` times as many,
    `importance_sample_ratio` of them are where the prediction is least certain. `class_weight`, `mask_weight` and
    `dice_weight` weigh the losses, `no_object_weight` the class "nothing" in the first.
    """

    hidden_size: Size = 1024
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 16
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.0
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-6
    image_size: Size | tuple[Size, Size] = 640
    patch_size: Size | tuple[Size, Size] = 16
    num_channels: Size = 3
    layerscale_value: Amount = 1.0
    drop_path_rate: Rate = 0.0
    num_upscale_blocks: Count = 2
    attention_dropout: Rate = 0.0
    num_blocks: Size = 4
    no_object_weight: Amount = 0.1
    class_weight: Amount = 2.0
    mask_weight: Amount = 5.0
    dice_weight: Amount = 5.0
    train_num_points: Size = 12544
    oversample_ratio: Positive = 3.0
    importance_sample_ratio: Rate = 0.75
    num_queries: Size = 200
    num_register_tokens: Count = 4

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
