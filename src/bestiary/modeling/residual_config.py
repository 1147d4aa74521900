"""The hyperparameters of ResNet and its relatives. Needs no torch."""

from collections.abc import Sequence
from typing import ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Depth, Size, check
from .config import PreTrainedConfig


class ResidualConfig(PreTrainedConfig):
    """Base of the configs of stages of convolutions with shortcuts; the defaults are ResNet-50's.

    `depths` are the blocks of each stage, `hidden_sizes` its channels. Class attribute `layer_types`: the kinds of blocks.
    """

    layer_types: ClassVar[tuple[str, ...]] = ("basic", "bottleneck")

    num_channels: Size = 3
    embedding_size: Size = 64
    hidden_sizes: Sequence[Size] = (256, 512, 1024, 2048)
    depths: Sequence[Depth] = (3, 4, 6, 3)
    layer_type: str = "bottleneck"
    hidden_act: str = "relu"

    def validate(self) -> None:
        name = type(self).__name__
        check(name, "depths", self.depths, Sequence[Depth])  # before they are counted
        super().validate()
        self.hidden_sizes, self.depths = list(self.hidden_sizes), list(self.depths)
        if self.layer_type not in self.layer_types:
            raise ConfigError(f"{name}: layer_type is {self.layer_type!r:.80}; expected {' or '.join(self.layer_types)}")
        if len(self.hidden_sizes) < len(self.depths) or not self.depths or 0 in self.depths:
            raise ConfigError(
                f"{name}: depths {self.depths} need a block or more in each stage, and one of hidden_sizes"
                f" {self.hidden_sizes} for each"
            )
