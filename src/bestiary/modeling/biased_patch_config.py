"""The hyperparameters of encoders over patches with biases of distances, BEiT's relatives. Needs no torch."""

from collections.abc import Sequence

from ..core.kinds import Amount, Count, Rate, Size, check
from .patch_config import PatchConfig


class BiasedPatchConfig(PatchConfig):
    """Base of the configs of BEiT and its relatives; the defaults are BEiT-B's with patches of 16 pixels on images of 224.

    Positions are `use_absolute_position_embeddings`, `use_relative_position_bias` (in each layer) and
    `use_shared_relative_position_bias` (the same in all layers), any of them. What each half of a block adds is scaled channel
    by channel, at first by `layer_scale_init_value` (0: it is not). With `use_mean_pooling` the mean of all patches stands for
    an image, else its class token.

    Of the head that labels places: `pool_scales`, those of the pyramid over its last map; with `use_auxiliary_head`, in
    training, a second one of `auxiliary_num_convs` convolutions of `auxiliary_channels`, which with `auxiliary_concat_input`
    sees its input twice, and whose loss counts `auxiliary_loss_weight` times; `semantic_loss_ignore_index`, the label of places
    that do not count.
    """

    intermediate_size: Size = 3072
    use_mask_token: bool = False
    use_absolute_position_embeddings: bool = False
    use_relative_position_bias: bool = False
    use_shared_relative_position_bias: bool = False
    layer_scale_init_value: Amount = 0.1
    drop_path_rate: Rate = 0.1
    use_mean_pooling: bool = True
    pool_scales: Sequence[Size] = (1, 2, 3, 6)
    use_auxiliary_head: bool = True
    auxiliary_loss_weight: Amount = 0.4
    auxiliary_channels: Size = 256
    auxiliary_num_convs: Count = 1
    auxiliary_concat_input: bool = False
    semantic_loss_ignore_index: int = 255

    def validate(self) -> None:
        super().validate()
        check(type(self).__name__, "pool_scales", self.pool_scales, Sequence[Size])
        self.pool_scales = list(self.pool_scales)
