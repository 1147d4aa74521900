"""BiT, Big Transfer (Kolesnikov et al. 2020): ResNets trained on so many images that they need little training for other tasks.

Differs from ResNet: kernels are brought to mean 0 and deviation 1 before they are applied, norms are over groups of channels of
one image, and stand before the convolutions.

Paper: https://arxiv.org/abs/1912.11370
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Depth, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.residual_config import ResidualConfig

PADDINGS = ("SAME", "VALID")


class BitConfig(ResidualConfig, BackboneConfig):
    """Hyperparameters; the defaults are those of BiT with 50 layers.

    A block of `layer_type` "preactivation" has its norms before its convolutions, one of "bottleneck" behind them. Norms are
    over `num_groups` groups of channels. `global_padding` is how convolutions are padded: "SAME" so that a map becomes smaller
    by its stride alone, "VALID" not at all, None evenly; with `embedding_dynamic_padding` the maximum of the stem is padded as
    with "SAME". Stages halve the image until it is `output_stride` times smaller. Widths are multiplied by `width_factor`.
    `drop_path_rate` is that of the last block's stochastic depth.
    """

    model_type: ClassVar[str] = "bit"
    layer_types: ClassVar[tuple[str, ...]] = ("preactivation", "bottleneck")

    layer_type: str = "preactivation"
    global_padding: str | None = None
    num_groups: Size = 32
    drop_path_rate: Rate = 0.0
    embedding_dynamic_padding: bool = False
    output_stride: Size = 32
    width_factor: Size = 1

    def validate(self) -> None:
        check("BitConfig", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()
        if self.global_padding is not None:
            self.global_padding = self.global_padding.upper()
            if self.global_padding not in PADDINGS:
                raise ConfigError(
                    f"BitConfig: global_padding is {self.global_padding!r:.80}; expected {' or '.join(PADDINGS)}, or None"
                )


TASKS = {"base": "BitModel", "image-classification": "BitForImageClassification", "backbone": "BitBackbone"}

PREPROCESSORS = {"image_processor": "BitImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BitPreTrainedModel", *TASKS.values()],
        "image_processor": ["BitImageProcessor", "BitImageProcessorFast", "BitImageProcessorPil"],
    },
)
