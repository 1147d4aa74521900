"""ResNet-D (He et al. 2019, "Bag of tricks for image classification"), RT-DETR's backbone.

Parameter names are the published ones.
Differs from ResNet: the stem is three convolutions of 3x3, and a shortcut that makes the image smaller takes means first.
"""

from torch import nn

from ...modeling.residual_config import ResidualConfig
from ..resnet.model import (
    ResNetBackbone,
    ResNetConvLayer,
    ResNetEmbeddings,
    ResNetEncoder,
    ResNetLayer,
    ResNetPreTrainedModel,
    ResNetStage,
)
from . import RTDetrResNetConfig


class RTDetrResNetEmbeddings(ResNetEmbeddings):
    """The stem: three convolutions of 3x3 and a maximum, which make the image four times smaller."""

    def __init__(self, config: ResidualConfig) -> None:
        nn.Module.__init__(self)
        outer, act = config.embedding_size, config.hidden_act
        self.embedder: nn.Module = nn.Sequential(
            ResNetConvLayer(config.num_channels, outer // 2, 3, 2, act),
            ResNetConvLayer(outer // 2, outer // 2, 3, 1, act),
            ResNetConvLayer(outer // 2, outer, 3, 1, act),
        )
        self.pooler = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.num_channels = config.num_channels


class RTDetrResNetLayer(ResNetLayer):
    """act(convolutions(x) + shortcut(x)); where the image becomes smaller, the shortcut is a mean and a convolution."""

    def __init__(self, config: ResidualConfig, inner: int, outer: int, stride: int) -> None:
        super().__init__(config, inner, outer, stride)
        if inner != outer if config.layer_type == "basic" else stride == 2:
            mean = nn.AvgPool2d(2, 2, ceil_mode=True)
            self.shortcut: nn.Module = nn.Sequential(mean, ResNetConvLayer(inner, outer, 1))


class RTDetrResNetStage(ResNetStage):
    """Blocks of one width; the first has a convolution for its shortcut even where it keeps the width."""

    layer_class = RTDetrResNetLayer

    def __init__(self, config: ResidualConfig, inner: int, outer: int, stride: int, depth: int) -> None:
        super().__init__(config, inner, outer, stride, depth)
        if config.layer_type == "basic" and inner == outer:
            self.layers[0].shortcut = ResNetConvLayer(inner, outer, 1, stride)


class RTDetrResNetEncoder(ResNetEncoder):
    """All stages."""

    stage_class = RTDetrResNetStage


class RTDetrResNetPreTrainedModel(ResNetPreTrainedModel):
    """What the classes of this backbone share."""

    config_class = RTDetrResNetConfig
    embeddings_class = RTDetrResNetEmbeddings
    encoder_class = RTDetrResNetEncoder
    _no_split_modules = ["RTDetrResNetLayer", "RTDetrResNetEmbeddings"]


class RTDetrResNetBackbone(RTDetrResNetPreTrainedModel, ResNetBackbone):
    """ResNet-D whose output is the maps of the stages in `config.out_features`."""

    config: RTDetrResNetConfig

    def get_input_embeddings(self) -> nn.Module:
        return self.embedder.get_submodule("embedder.0.convolution")
