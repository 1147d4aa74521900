"""The modules of EfficientNet. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ConfigError
from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.init import Starting, normal
from ...nn.patches import check_pixels
from . import EfficientNetConfig

STEM, TOP = 32, 1280


def edges(kernel: int, even: bool = False) -> tuple[int, int, int, int]:
    """Zeros left, right, above and below of maps that a convolution halves; one more on the later side, unless `even`."""
    half = kernel // 2
    first = half if even else half - 1
    return first, half, first, half


def norm(config: EfficientNetConfig, size: int) -> nn.BatchNorm2d:
    """The norm of most layers."""
    return nn.BatchNorm2d(size, eps=config.batch_norm_eps, momentum=config.batch_norm_momentum)


class EfficientNetEmbeddings(Starting):
    """The stem: a convolution of 3x3 that halves the image."""

    def __init__(self, config: EfficientNetConfig) -> None:
        super().__init__()
        size = config.width(STEM)
        self.convolution = nn.Conv2d(config.num_channels, size, 3, stride=2, bias=False)
        self.batchnorm = norm(config, size)
        self.starts = {"batchnorm.weight": normal(config.initializer_range)}
        self.activation = activation(config.hidden_act)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        return self.activation(self.batchnorm(self.convolution(F.pad(pixel_values, edges(3)))))


class EfficientNetExpansionLayer(nn.Module):
    """More channels at each place."""

    def __init__(self, config: EfficientNetConfig, inner: int, outer: int) -> None:
        super().__init__()
        self.expand_conv = nn.Conv2d(inner, outer, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(outer, eps=config.batch_norm_eps)
        self.expand_act = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        return self.expand_act(self.expand_bn(self.expand_conv(hidden_states)))


class EfficientNetDepthwiseLayer(nn.Module):
    """A convolution of every channel alone."""

    def __init__(self, config: EfficientNetConfig, size: int, stride: int, kernel: int, even: bool) -> None:
        super().__init__()
        self.edges = edges(kernel, even) if stride == 2 else None
        padding: Any = 0 if stride == 2 else "same"
        self.depthwise_conv = nn.Conv2d(size, size, kernel, stride, padding=padding, groups=size, bias=False)
        self.depthwise_norm = norm(config, size)
        self.depthwise_act = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y / stride, X / stride)."""
        x = hidden_states if self.edges is None else F.pad(hidden_states, self.edges)
        return self.depthwise_act(self.depthwise_norm(self.depthwise_conv(x)))


class EfficientNetSqueezeExciteLayer(nn.Module):
    """Each channel times a number in 0..1 that the means of all channels decide (Hu et al. 2018)."""

    def __init__(self, config: EfficientNetConfig, narrow: int, size: int) -> None:
        super().__init__()
        inner = max(1, int(narrow * config.squeeze_expansion_ratio))
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(size, inner, 1)
        self.expand = nn.Conv2d(inner, size, 1)
        self.act_reduce = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        weights: Tensor = self.expand(self.act_reduce(self.reduce(self.squeeze(hidden_states)))).sigmoid()
        return hidden_states * weights


class EfficientNetFinalBlockLayer(nn.Module):
    """Fewer channels at each place, and the block's input where `adds` says so."""

    def __init__(self, config: EfficientNetConfig, inner: int, outer: int, rate: float, adds: bool) -> None:
        super().__init__()
        self.project_conv = nn.Conv2d(inner, outer, 1, bias=False)
        self.project_bn = norm(config, outer)
        self.dropout = nn.Dropout(rate)
        self.adds = adds

    def forward(self, embeddings: Tensor, hidden_states: Tensor) -> Tensor:
        """embeddings: the block's input."""
        x: Tensor = self.project_bn(self.project_conv(hidden_states))
        return self.dropout(x) + embeddings if self.adds else x


class EfficientNetBlock(nn.Module):
    """Widened, each channel convolved and weighed, narrowed.

    Args:
        is_first: of its stage: its input is not added, whatever the shapes.
        even: whether the convolution's padding is.
    """

    def __init__(
        self,
        config: EfficientNetConfig,
        inner: int,
        outer: int,
        stride: int,
        expand_ratio: int,
        kernel: int,
        rate: float,
        is_first: bool,
        even: bool,
    ) -> None:
        super().__init__()
        wide = inner * expand_ratio
        self.expansion = EfficientNetExpansionLayer(config, inner, wide) if expand_ratio != 1 else None
        self.depthwise_conv = EfficientNetDepthwiseLayer(config, wide, stride, kernel, even)
        self.squeeze_excite = EfficientNetSqueezeExciteLayer(config, inner, wide)
        self.projection = EfficientNetFinalBlockLayer(config, wide, outer, rate, stride == 1 and not is_first)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        x = hidden_states if self.expansion is None else self.expansion(hidden_states)
        output: Tensor = self.projection(hidden_states, self.squeeze_excite(self.depthwise_conv(x)))
        return output


class EfficientNetEncoder(Starting):
    """All blocks, and a last layer that widens what they give."""

    def __init__(self, config: EfficientNetConfig) -> None:
        super().__init__()
        count = sum(config.repeats(stage) for stage in range(len(config.in_channels)))
        self.blocks = nn.ModuleList()
        for stage, (stride, ratio, kernel) in enumerate(
            zip(config.strides, config.expand_ratios, config.kernel_sizes, strict=True)
        ):
            outer = config.width(config.out_channels[stage])
            for place in range(config.repeats(stage)):
                inner, number = config.width(config.in_channels[stage]) if place == 0 else outer, len(self.blocks)
                rate, even = config.drop_connect_rate * number / count, number in config.depthwise_padding
                step = stride if place == 0 else 1
                self.blocks.append(EfficientNetBlock(config, inner, outer, step, ratio, kernel, rate, place == 0, even))
        top = config.width(TOP)
        if top != config.hidden_dim:
            raise ConfigError(
                f"EfficientNetConfig: hidden_dim is {config.hidden_dim}; with width_coefficient {config.width_coefficient:g}"
                f" and depth_divisor {config.depth_divisor} the last states have {top} channels, so set it to that"
            )
        self.top_conv = nn.Conv2d(config.width(config.out_channels[-1]), top, 1, bias=False)
        self.top_bn = norm(config, top)
        self.top_activation = activation(config.hidden_act)
        norms = (name for name, module in self.named_modules() if isinstance(module, nn.BatchNorm2d))
        self.starts = {f"{name}.weight": normal(config.initializer_range) for name in norms}  # as published

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, y, x)."""
        for block in self.blocks:
            hidden_states = block(hidden_states)
        return self.top_activation(self.top_bn(self.top_conv(hidden_states)))


class EfficientNetPreTrainedModel(PreTrainedModel):
    """What all EfficientNet classes share."""

    config_class = EfficientNetConfig
    base_model_prefix = "efficientnet"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.blocks", outputs=True)}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["EfficientNetBlock"]
    config: EfficientNetConfig


class EfficientNetModel(EfficientNetPreTrainedModel):
    """The convolutions without a head."""

    def __init__(self, config: EfficientNetConfig) -> None:
        super().__init__(config)
        self.embeddings = EfficientNetEmbeddings(config)
        self.encoder = EfficientNetEncoder(config)
        self.pooler = nn.AdaptiveAvgPool2d(1) if config.pooling_type == "mean" else nn.AdaptiveMaxPool2d(1)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.convolution

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their mean or maximum `pooler_output` (B, D)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        x = self.encoder(self.embeddings(pixels.to(self.embeddings.convolution.weight.dtype)))
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.pooler(x).flatten(1))


class EfficientNetForImageClassification(PooledImageClassifier, EfficientNetPreTrainedModel):
    """EfficientNet that labels an image by its pooled states."""

    backbone_class = EfficientNetModel

    def __init__(self, config: EfficientNetConfig) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.dropout_rate)

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(self.config.hidden_dim, config.num_labels)

    def pool(self, output: Any) -> Tensor:
        pooled: Tensor = self.dropout(output.pooler_output)
        return pooled
