"""PoolFormer (Yu et al. 2022, "MetaFormer is actually what you need for vision").

A transformer's blocks on maps of four stages, where the mean of the neighbours stands in for attention.

Paper: https://arxiv.org/abs/2111.11418
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class PoolFormerConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are PoolFormer-S12's.

    Each of `num_encoder_blocks` stages has one of `depths` (its blocks), `hidden_sizes` (its channels), and of `patch_sizes`,
    `strides` and `padding`, those of the convolution before it. `pool_size` is the width of the neighbourhood. What a block
    adds is multiplied by a trained number for each channel that starts at `layer_scale_init_value`, with `use_layer_scale`.
    `drop_path_rate` is that of the last block's stochastic depth. `patch_size` and `stride` are of no effect, as published.
    """

    model_type: ClassVar[str] = "poolformer"

    num_channels: Size = 3
    patch_size: Size = 16
    stride: Size = 16
    pool_size: Size = 3
    mlp_ratio: Positive = 4.0
    depths: Sequence[Depth] = (2, 2, 6, 2)
    hidden_sizes: Sequence[Size] = (64, 128, 320, 512)
    patch_sizes: Sequence[Size] = (7, 3, 3, 3)
    strides: Sequence[Size] = (4, 2, 2, 2)
    padding: Sequence[Count] = (2, 1, 1, 1)
    num_encoder_blocks: Size = 4
    drop_path_rate: Rate = 0.0
    hidden_act: str = "gelu"
    use_layer_scale: bool = True
    layer_scale_init_value: Amount = 1e-5
    initializer_range: Amount = 0.02

    def validate(self) -> None:
        super().validate()
        for name in ("depths", "hidden_sizes", "patch_sizes", "strides", "padding"):
            values = list(self.get(name))
            setattr(self, name, values)
            if len(values) < self.num_encoder_blocks:
                raise ConfigError(
                    f"PoolFormerConfig: {self.num_encoder_blocks} stages (num_encoder_blocks) need as many {name}, not {values}"
                )
        if self.pool_size % 2 == 0:
            raise ConfigError(
                f"PoolFormerConfig: pool_size is {self.pool_size}; expected an odd number, so that maps keep size"
            )


TASKS = {"base": "PoolFormerModel", "image-classification": "PoolFormerForImageClassification"}

PREPROCESSORS = {"image_processor": "PoolFormerImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["PoolFormerPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "PoolFormerImageProcessor",
            "PoolFormerImageProcessorFast",
            "PoolFormerImageProcessorPil",
            "PoolFormerFeatureExtractor",
        ],
    },
)
