"""EfficientNet (Tan and Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks").

MobileNet V2's layers with squeeze and excitation; width and depth of all stages are multiplied together.

Paper: https://arxiv.org/abs/1905.11946
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.patch_config import Pair

STAGES = ("kernel_sizes", "in_channels", "out_channels", "strides", "num_block_repeats", "expand_ratios")


class EfficientNetConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of EfficientNet-B7.

    Of each stage `kernel_sizes`, `in_channels`, `out_channels`, `strides` (1 or 2), `num_block_repeats` (its blocks) and
    `expand_ratios` are told. Widths are multiplied by `width_coefficient` and rounded to a multiple of `depth_divisor`,
    numbers of blocks are multiplied by `depth_coefficient` and rounded up. The blocks whose numbers are in
    `depthwise_padding` are padded evenly. `hidden_dim` is the width of the last states, which `pooling_type` ("mean" or
    "max") makes a vector of. `num_hidden_layers` follows from the others. `drop_connect_rate` is the dropout that the last
    block would have whose input is added; earlier ones have less.
    """

    model_type: ClassVar[str] = "efficientnet"

    num_channels: Size = 3
    image_size: Pair = 600
    width_coefficient: Positive = 2.0
    depth_coefficient: Positive = 3.1
    depth_divisor: Size = 8
    kernel_sizes: Sequence[Size] = (3, 3, 5, 3, 5, 5, 3)
    in_channels: Sequence[Size] = (32, 16, 24, 40, 80, 112, 192)
    out_channels: Sequence[Size] = (16, 24, 40, 80, 112, 192, 320)
    depthwise_padding: Sequence[Count] = ()
    strides: Sequence[Size] = (1, 2, 2, 2, 1, 2, 1)
    num_block_repeats: Sequence[Depth] = (1, 2, 2, 3, 3, 4, 1)
    expand_ratios: Sequence[Size] = (1, 6, 6, 6, 6, 6, 6)
    squeeze_expansion_ratio: Positive = 0.25
    hidden_act: str = "swish"
    hidden_dim: Size = 2560
    pooling_type: str = "mean"
    initializer_range: Amount = 0.02
    batch_norm_eps: Rate = 0.001
    batch_norm_momentum: Rate = 0.99
    dropout_rate: Rate = 0.5
    drop_connect_rate: Rate = 0.2
    num_hidden_layers: Depth = 64

    def validate(self) -> None:
        super().validate()
        self.num_hidden_layers = 4 * sum(self.num_block_repeats)
        for name in (*STAGES, "depthwise_padding"):
            setattr(self, name, list(self.get(name)))
        count = len(self.in_channels)
        for name in STAGES:
            if len(self.get(name)) != count or not count:
                raise ConfigError(f"EfficientNetConfig: {count} in_channels need as many {name}, not {self.get(name)}")
        if set(self.strides) - {1, 2}:
            raise ConfigError(f"EfficientNetConfig: strides are {self.strides}; expected 1 or 2 each")
        if self.pooling_type not in ("mean", "max"):
            raise ConfigError(f"EfficientNetConfig: pooling_type is {self.pooling_type!r:.80}; expected 'mean' or 'max'")

    def width(self, channels: int) -> int:
        """How many channels a layer has that is `channels` wide in EfficientNet-B0."""
        unit, wanted = self.depth_divisor, channels * self.width_coefficient
        rounded = max(unit, int(wanted + unit / 2) // unit * unit)
        return rounded + unit if rounded < 0.9 * wanted else rounded

    def repeats(self, stage: int) -> int:
        """The blocks of a stage."""
        return math.ceil(self.depth_coefficient * self.num_block_repeats[stage])


TASKS = {"base": "EfficientNetModel", "image-classification": "EfficientNetForImageClassification"}

PREPROCESSORS = {"image_processor": "EfficientNetImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["EfficientNetPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "EfficientNetImageProcessor",
            "EfficientNetImageProcessorFast",
            "EfficientNetImageProcessorPil",
        ],
    },
)
