"""The hyperparameters of ConvNeXt and its relatives. Needs no torch."""

from collections.abc import Sequence
from typing import ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Depth, Rate, Size, check
from .backbone_config import BackboneConfig, stage_list


class ConvolutionStagesConfig(BackboneConfig):
    """Base of the configs of ConvNeXt and ConvNeXt V2; the defaults are ConvNeXt-T's.

    `depths` are the blocks of each of `num_stages` stages, `hidden_sizes` its channels. `patch_size` is the width and the
    stride of the first convolution. `drop_path_rate` is that of the last block's stochastic depth.
    """

    attribute_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "num_stages"}

    num_channels: Size = 3
    patch_size: Size = 4
    num_stages: Size = 4
    hidden_sizes: Sequence[Size] = (96, 192, 384, 768)
    depths: Sequence[Depth] = (3, 3, 9, 3)
    hidden_act: str = "gelu"
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    drop_path_rate: Rate = 0.0
    image_size: Size = 224

    def validate(self) -> None:
        check(type(self).__name__, "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()
        self.hidden_sizes, self.depths = list(self.hidden_sizes), list(self.depths)
        if not len(self.hidden_sizes) == len(self.depths) == self.num_stages:
            raise ConfigError(
                f"{type(self).__name__}: {self.num_stages} stages (num_stages) need as many hidden_sizes, not"
                f" {self.hidden_sizes}, and as many depths, not {self.depths}"
            )
