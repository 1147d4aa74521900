"""ResNet (He et al. 2016, "Deep residual learning for image recognition"): stages of convolutions with shortcuts around them.

The default is ResNet-50 in the form called v1.5, whose bottleneck halves the image in its 3x3 convolution.

Paper: https://arxiv.org/abs/1512.03385
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Depth, check
from ...core.logging import warn_once
from ...core.plugins import lazy
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.residual_config import ResidualConfig


class ResNetConfig(ResidualConfig, BackboneConfig):
    """Hyperparameters; the defaults are ResNet-50's.

    `depths` are the blocks of each stage, `hidden_sizes` its channels. A block of `layer_type` "basic" is two convolutions of
    3x3, one of "bottleneck" 1x1, 3x3 and 1x1, which halves the image in the first of them with `downsample_in_bottleneck`.
    """

    model_type: ClassVar[str] = "resnet"

    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False

    def validate(self) -> None:
        check("ResNetConfig", "depths", self.depths, Sequence[Depth])  # before they are counted
        self.stage_names = stage_list(len(self.depths))
        super().validate()
        if len(self.hidden_sizes) > len(self.depths):
            warn_once(
                "widths-without-stage",
                f"ResNetConfig: hidden_sizes {self.hidden_sizes} are more than the stages of depths {self.depths}; the last of"
                " them are not used",
            )


def timm_config(name: str, **values: Any) -> ResNetConfig:
    """The config of a model that the package timm calls `name`; `values` are further fields.

    Raises:
        ConfigError: timm has such a model, but it is no plain ResNet.
    """
    variants = {
        "resnet18": ("basic", (64, 128, 256, 512), (2, 2, 2, 2)),
        "resnet34": ("basic", (64, 128, 256, 512), (3, 4, 6, 3)),
        "resnet50": ("bottleneck", (256, 512, 1024, 2048), (3, 4, 6, 3)),
        "resnet101": ("bottleneck", (256, 512, 1024, 2048), (3, 4, 23, 3)),
        "resnet152": ("bottleneck", (256, 512, 1024, 2048), (3, 8, 36, 3)),
    }
    plain = name.partition(".")[0]  # what follows the dot names the weights
    if plain not in variants:
        raise ConfigError(
            f"the backbone {name!r} of the package timm is not known here; known are {', '.join(variants)}. For another one"
            " give backbone_config, the config of one of the families here, and weights in that family's names"
        )
    layer_type, hidden_sizes, depths = variants[plain]
    return ResNetConfig(layer_type=layer_type, hidden_sizes=hidden_sizes, depths=depths, **values)


TASKS = {
    "base": "ResNetModel",
    "image-classification": "ResNetForImageClassification",
    "backbone": "ResNetBackbone",
}

PREPROCESSORS = {"image_processor": "ConvNextImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["ResNetPreTrainedModel", *TASKS.values()]})
