"""The modules of MobileNet. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.patches import check_pixels
from ...nn.same_padding import padded_as_same
from . import MobileNetV1Config

# Stride of each pair of convolutions; where it is 2, and in the first pair, the width doubles.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
STEM = 32


class MobileNetV1ConvLayer(nn.Module):
    """act(norm(convolution)); with `alone` each channel by itself."""

    def __init__(
        self, config: MobileNetV1Config, inner: int, outer: int, kernel: int, stride: int = 1, alone: bool = False
    ) -> None:
        super().__init__()
        padding = 0 if config.tf_padding else kernel // 2
        groups = inner if alone else 1
        self.convolution = nn.Conv2d(inner, outer, kernel, stride, padding=padding, groups=groups, bias=False)
        self.normalization = nn.BatchNorm2d(outer, eps=config.layer_norm_eps, momentum=0.9997)
        self.activation = activation(config.hidden_act)
        self.pads, self.kernel, self.stride = config.tf_padding, kernel, stride

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride), rounded up."""
        x = padded_as_same(features, self.kernel, self.stride) if self.pads else features
        return self.activation(self.normalization(self.convolution(x)))


class MobileNetV1PreTrainedModel(PreTrainedModel):
    """What all MobileNetV1 classes share."""

    config_class = MobileNetV1Config
    base_model_prefix = "mobilenet_v1"
    main_input_name = "pixel_values"
    stacks = {"": Stack("layer", states=("layer",))}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["MobileNetV1ConvLayer"]
    config: MobileNetV1Config


class MobileNetV1Model(MobileNetV1PreTrainedModel):
    """The convolutions without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the mean of the last states.
    """

    def __init__(self, config: MobileNetV1Config, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        width, inner = STEM, config.width(STEM)
        self.conv_stem = MobileNetV1ConvLayer(config, config.num_channels, inner, 3, stride=2)
        layers = []
        for place, stride in enumerate(STRIDES):
            width *= 2 if stride == 2 or place == 0 else 1
            layers.append(MobileNetV1ConvLayer(config, inner, inner, 3, stride, alone=True))
            layers.append(MobileNetV1ConvLayer(config, inner, config.width(width), 1))
            inner = config.width(width)
        self.layer = nn.ModuleList(layers)
        self.pooler = nn.AdaptiveAvgPool2d(1) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.conv_stem.convolution

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their mean `pooler_output` (B, D)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        x = self.conv_stem(pixels.to(self.conv_stem.convolution.weight.dtype))
        for layer in self.layer:
            x = layer(x)
        pooled = None if self.pooler is None else self.pooler(x).flatten(1)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=pooled)


class MobileNetV1ForImageClassification(PooledImageClassifier, MobileNetV1PreTrainedModel):
    """MobileNet that labels an image by the mean of its last states."""

    backbone_class = MobileNetV1Model

    def __init__(self, config: MobileNetV1Config) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(self.config.width(1024), config.num_labels)

    def pool(self, output: Any) -> Tensor:
        pooled: Tensor = self.dropout(output.pooler_output)
        return pooled
