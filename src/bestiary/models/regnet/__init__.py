"""RegNet (Radosavovic et al. 2020, "Designing network design spaces"): stages whose widths follow a straight line.

Differs from ResNet: the stem is one convolution, the 3x3 of a block has groups of channels and is as wide as the block, every
stage halves the image, and in blocks of type "y" channels are weighed by what the whole image has.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Depth, Size, check
from ...modeling.config import PreTrainedConfig
from ...modeling.variant import Import, variant
from .. import resnet

LAYER_TYPES = ("x", "y")


class RegNetConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of RegNetY-4GF.

    `depths` are the blocks of each stage, `hidden_sizes` its channels, `groups_width` the channels of a group. Blocks of
    `layer_type` "y" have squeeze and excitation (Hu et al. 2018), those of "x" do not.
    """

    model_type: ClassVar[str] = "regnet"

    num_channels: Size = 3
    embedding_size: Size = 32
    hidden_sizes: Sequence[Size] = (128, 192, 512, 1088)
    depths: Sequence[Depth] = (2, 6, 12, 2)
    groups_width: Size = 64
    layer_type: str = "y"
    hidden_act: str = "relu"
    downsample_in_first_stage: bool = True

    def validate(self) -> None:
        super().validate()
        check("RegNetConfig", "depths", self.depths, Sequence[Depth])
        self.hidden_sizes, self.depths = list(self.hidden_sizes), list(self.depths)
        if self.layer_type not in LAYER_TYPES:
            raise ConfigError(f"RegNetConfig: layer_type is {self.layer_type!r:.80}; expected {' or '.join(LAYER_TYPES)}")
        if len(self.hidden_sizes) != len(self.depths) or not self.depths or 0 in self.depths:
            raise ConfigError(
                f"RegNetConfig: depths {self.depths} need a block or more in each stage, and one of hidden_sizes"
                f" {self.hidden_sizes} for each"
            )
        uneven = [size for size in self.hidden_sizes if size > self.groups_width and size % self.groups_width]
        if uneven:
            raise ConfigError(
                f"RegNetConfig: groups of {self.groups_width} channels (groups_width) do not fill {uneven[0]} (hidden_sizes)"
            )


TASKS = {"base": "RegNetModel", "image-classification": "RegNetForImageClassification"}

PREPROCESSORS = {"image_processor": "ConvNextImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    RegNetConfig,
    TASKS,
    resnet,
    {
        "PreTrainedModel": {"base_model_prefix": "regnet"},
        "Embeddings": Import(".model.RegNetEmbeddings"),
        "Layer": Import(".model.RegNetLayer"),
    },
)
