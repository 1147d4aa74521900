"""The modules of MobileNet V2. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import BaseModelOutputWithPooling, SemanticSegmenterOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.headed import Headed
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.losses import binary_map_loss, semantic_loss
from ...nn.patches import check_pixels
from ...nn.same_padding import padded_as_same
from . import MobileNetV2Config

WIDTHS = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)  # of the stem, then of each layer
STRIDES = (2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
STEM_STRIDE = 2
LAST = 1280
MAP_WIDTH = 256  # of the head that labels places
MAP_EPS = 1e-5


class MobileNetV2ConvLayer(nn.Module):
    """act(norm(convolution)); with `alone` each channel by itself, with `act` None no activation."""

    def __init__(
        self,
        config: MobileNetV2Config,
        inner: int,
        outer: int,
        kernel: int = 1,
        stride: int = 1,
        dilation: int = 1,
        alone: bool = False,
        act: str | None = None,
        eps: float | None = None,
    ) -> None:
        super().__init__()
        padding = 0 if config.tf_padding else (kernel - 1) // 2 * dilation
        groups = inner if alone else 1
        self.convolution = nn.Conv2d(inner, outer, kernel, stride, padding, dilation, groups, bias=False)
        self.normalization = nn.BatchNorm2d(outer, eps=config.layer_norm_eps if eps is None else eps, momentum=0.997)
        self.activation = None if act is None else activation(act)
        self.pads, self.kernel, self.stride, self.dilation = config.tf_padding, kernel, stride, dilation

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride), rounded up."""
        x = padded_as_same(features, self.kernel, self.stride, self.dilation) if self.pads else features
        normed: Tensor = self.normalization(self.convolution(x))
        return normed if self.activation is None else self.activation(normed)


class MobileNetV2Logits(nn.Module):
    """A convolution of 1x1 to the logits of each place."""

    def __init__(self, size: int, labels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(size, labels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, N, Y, X)."""
        output: Tensor = self.convolution(features)
        return output


class MobileNetV2InvertedResidual(nn.Module):
    """Widened, each channel convolved, narrowed; where the shape stays, added to the input."""

    def __init__(self, config: MobileNetV2Config, inner: int, outer: int, stride: int, dilation: int) -> None:
        super().__init__()
        wide, act = config.width(inner * config.expand_ratio), config.hidden_act
        self.use_residual = stride == 1 and inner == outer
        self.expand_1x1 = MobileNetV2ConvLayer(config, inner, wide, act=act)
        self.conv_3x3 = MobileNetV2ConvLayer(config, wide, wide, 3, stride, dilation, alone=True, act=act)
        self.reduce_1x1 = MobileNetV2ConvLayer(config, wide, outer)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride), rounded up."""
        output: Tensor = self.reduce_1x1(self.conv_3x3(self.expand_1x1(features)))
        return features + output if self.use_residual else output


class MobileNetV2Stem(nn.Module):
    """The first convolution, which halves the image, and a layer without a residual."""

    def __init__(self, config: MobileNetV2Config, wide: int, outer: int) -> None:
        super().__init__()
        act = config.hidden_act
        self.first_conv = MobileNetV2ConvLayer(config, config.num_channels, wide, 3, STEM_STRIDE, act=act)
        self.expand_1x1 = None if config.first_layer_is_expansion else MobileNetV2ConvLayer(config, wide, wide, act=act)
        self.conv_3x3 = MobileNetV2ConvLayer(config, wide, wide, 3, alone=True, act=act)
        self.reduce_1x1 = MobileNetV2ConvLayer(config, wide, outer)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        x = self.first_conv(features)
        x = x if self.expand_1x1 is None else self.expand_1x1(x)
        output: Tensor = self.reduce_1x1(self.conv_3x3(x))
        return output


class MobileNetV2PreTrainedModel(PreTrainedModel):
    """What all MobileNetV2 classes share."""

    config_class = MobileNetV2Config
    base_model_prefix = "mobilenet_v2"
    main_input_name = "pixel_values"
    stacks = {"": Stack("layer", states=("layer",))}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["MobileNetV2InvertedResidual", "MobileNetV2Stem"]
    config: MobileNetV2Config


def residual_layers(config: MobileNetV2Config) -> nn.ModuleList:
    """The layers, dilated from where the maps are `config.output_stride` times smaller than the image."""
    widths, layers, smaller, dilation = [config.multiplied(width) for width in WIDTHS], nn.ModuleList(), STEM_STRIDE, 1
    for inner, outer, stride in zip(widths, widths[1:], STRIDES, strict=False):
        if smaller == config.output_stride:
            layers.append(MobileNetV2InvertedResidual(config, inner, outer, 1, dilation))
            dilation *= stride
        else:
            layers.append(MobileNetV2InvertedResidual(config, inner, outer, stride, 1))
            smaller *= stride
    return layers


class MobileNetV2Model(MobileNetV2PreTrainedModel):
    """The convolutions without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the mean of the last states.
    """

    def __init__(self, config: MobileNetV2Config, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.conv_stem = MobileNetV2Stem(config, config.multiplied(32), config.multiplied(WIDTHS[0]))
        self.layer = residual_layers(config)
        self.conv_1x1 = MobileNetV2ConvLayer(config, config.multiplied(WIDTHS[-1]), last_width(config), act=config.hidden_act)
        self.pooler = nn.AdaptiveAvgPool2d(1) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.conv_stem.first_conv.convolution

    def narrow_states(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> what the last layer gives, before it is widened for the last time."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        x: Tensor = self.conv_stem(pixels.to(self.conv_stem.first_conv.convolution.weight.dtype))
        for layer in self.layer:
            x = layer(x)
        return x

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their mean `pooler_output` (B, D)."""
        x = self.conv_1x1(self.narrow_states(pixel_values))
        pooled = None if self.pooler is None else self.pooler(x).flatten(1)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=pooled)


def last_width(config: MobileNetV2Config) -> int:
    """The channels of the last states."""
    return LAST if config.finegrained_output and config.depth_multiplier < 1 else config.multiplied(LAST)


class MobileNetV2ForImageClassification(PooledImageClassifier, MobileNetV2PreTrainedModel):
    """MobileNet V2 that labels an image by the mean of its last states."""

    backbone_class = MobileNetV2Model

    def __init__(self, config: MobileNetV2Config) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(last_width(self.config), config.num_labels)

    def pool(self, output: Any) -> Tensor:
        pooled: Tensor = self.dropout(output.pooler_output)
        return pooled


class MobileNetV2DeepLabV3Plus(nn.Module):
    """Logits of each place from what it has and what the whole image has (DeepLab V3, Chen et al. 2017)."""

    def __init__(self, config: MobileNetV2Config) -> None:
        super().__init__()
        inner = config.multiplied(WIDTHS[-1])
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv_pool = MobileNetV2ConvLayer(config, inner, MAP_WIDTH, act="relu", eps=MAP_EPS)
        self.conv_aspp = MobileNetV2ConvLayer(config, inner, MAP_WIDTH, act="relu", eps=MAP_EPS)
        self.conv_projection = MobileNetV2ConvLayer(config, 2 * MAP_WIDTH, MAP_WIDTH, act="relu", eps=MAP_EPS)
        self.dropout = nn.Dropout2d(config.classifier_dropout_prob)
        self.classifier = MobileNetV2Logits(MAP_WIDTH, config.num_labels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, N, Y, X)."""
        whole = F.interpolate(
            self.conv_pool(self.avg_pool(features)), size=features.shape[-2:], mode="bilinear", align_corners=True
        )
        joined = self.conv_projection(torch.cat([whole, self.conv_aspp(features)], dim=1))
        output: Tensor = self.classifier(self.dropout(joined))
        return output


class MobileNetV2ForSemanticSegmentation(Headed, MobileNetV2PreTrainedModel):
    """MobileNet V2 that labels each place of an image."""

    backbone_class = MobileNetV2Model

    def __init__(self, config: MobileNetV2Config) -> None:
        super().__init__(config)
        self.segmentation_head = MobileNetV2DeepLabV3Plus(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> SemanticSegmenterOutput:
        """Args:
        pixel_values: (B, C, Y, X). labels: (B, Y, X), the class of each pixel; of a model of one class, 1 where it is.
        """
        model: Any = self.base_model
        states = model.narrow_states(pixel_values)
        if self.training:
            model.conv_1x1(states)  # for its running statistics, which saved files hold
        logits = self.segmentation_head(states)
        loss, ignored = None, self.config.semantic_loss_ignore_index
        if labels is not None:
            loss = (binary_map_loss if self.config.num_labels == 1 else semantic_loss)(logits, labels, ignored)
        return SemanticSegmenterOutput(loss=loss, logits=logits)
