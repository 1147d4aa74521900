"""RegNet (Radosavovic et al. 2020, "Designing network design spaces"): stages whose widths follow a straight line.

Differs from ResNet: the stem is one convolution, the 3x3 of a block has groups of channels and is as wide as the block, every
stage halves the image, and in blocks of type "y" channels are weighed by what the whole image has.

Paper: https://arxiv.org/abs/2003.13678
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Depth, Size
from ...modeling.residual_config import ResidualConfig
from ...modeling.variant import Import, variant
from .. import resnet


class RegNetConfig(ResidualConfig):
    """Hyperparameters; the defaults are those of RegNetY-4GF.

    `groups_width` are the channels of a group. Blocks of `layer_type` "y" have squeeze and excitation (Hu et al. 2018), those
    of "x" do not.
    """

    model_type: ClassVar[str] = "regnet"
    layer_types: ClassVar[tuple[str, ...]] = ("x", "y")

    embedding_size: Size = 32
    hidden_sizes: Sequence[Size] = (128, 192, 512, 1088)
    depths: Sequence[Depth] = (2, 6, 12, 2)
    groups_width: Size = 64
    layer_type: str = "y"
    downsample_in_first_stage: bool = True

    def validate(self) -> None:
        super().validate()
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
