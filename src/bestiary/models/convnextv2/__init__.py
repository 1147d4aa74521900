"""ConvNeXt V2 (Woo et al. 2023, "Co-designing and scaling ConvNets with masked autoencoders").

Differs from ConvNeXt: the channels of each block's MLP compete by their norms over the whole image, and what the block adds is
not scaled.

Paper: https://arxiv.org/abs/2301.00808
"""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.convolution_config import ConvolutionStagesConfig
from ...modeling.variant import Import, variant
from .. import convnext


class ConvNextV2Config(ConvolutionStagesConfig):
    """Hyperparameters; the defaults are those of ConvNeXt V2-T."""

    model_type: ClassVar[str] = "convnextv2"


TASKS = {
    "base": "ConvNextV2Model",
    "image-classification": "ConvNextV2ForImageClassification",
    "backbone": "ConvNextV2Backbone",
}

PREPROCESSORS = {"image_processor": "ConvNextImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    ConvNextV2Config,
    TASKS,
    convnext,
    {"PreTrainedModel": {"base_model_prefix": "convnextv2"}, "Layer": Import(".model.ConvNextV2Layer")},
)
