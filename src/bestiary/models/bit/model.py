"""The modules of BiT. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ConfigError
from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation, identity
from ...nn.patches import check_pixels
from ...nn.same_padding import padded_as_same
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from ..resnet.model import start_convolution
from . import BitConfig

KERNEL_EPS = 1e-8
STEM_STRIDE = 4
WIDTH_UNIT = 8  # of the channels in the middle of a block


class WeightStandardizedConv2d(nn.Conv2d):
    """A convolution whose kernels have mean 0 and deviation 1 (Qiao et al. 2019, "Micro-batch training")."""

    def __init__(self, config: BitConfig, inner: int, outer: int, kernel: int, stride: int = 1) -> None:
        is_same = config.global_padding == "SAME"
        self.pads = is_same and (stride > 1 or kernel % 2 == 0)
        padding = 0 if self.pads or config.global_padding == "VALID" else (kernel - 1) // 2
        super().__init__(inner, outer, kernel, stride, padding, bias=False)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        x = padded_as_same(hidden_state, self.kernel_size[0], self.stride[0]) if self.pads else hidden_state
        kernels = F.batch_norm(self.weight.flatten(1)[None], None, None, training=True, momentum=0.0, eps=KERNEL_EPS)
        return F.conv2d(x, kernels.view_as(self.weight), None, self.stride, self.padding)


class BitGroupNormActivation(nn.GroupNorm):
    """act(norm(x)) over groups of channels; without `acts` the norm alone."""

    def __init__(self, config: BitConfig, channels: int, acts: bool = True) -> None:
        if channels % config.num_groups:
            raise ConfigError(f"BitConfig: num_groups is {config.num_groups}; expected a divisor of the {channels} channels")
        super().__init__(config.num_groups, channels)
        self.activation = activation(config.hidden_act) if acts else identity

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        return self.activation(super().forward(hidden_state))


class BitEmbeddings(nn.Module):
    """The stem: a convolution of 7x7 and a maximum of 3x3, which make the image four times smaller."""

    def __init__(self, config: BitConfig) -> None:
        super().__init__()
        self.convolution = WeightStandardizedConv2d(config, config.num_channels, config.embedding_size, 7, 2)
        self.norm = BitGroupNormActivation(config, config.embedding_size) if config.layer_type == "bottleneck" else identity
        self.pooler = nn.MaxPool2d(kernel_size=3, stride=2)
        self.is_dynamic, self.num_channels = config.embedding_dynamic_padding, config.num_channels

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/4, X/4)."""
        pixels = check_pixels(pixel_values, self.num_channels, 1, None)
        x = self.convolution(pixels.to(self.convolution.weight.dtype))
        if not self.is_dynamic:
            x = F.pad(x, (1, 1, 1, 1))
        x = self.norm(x)
        output: Tensor = self.pooler(padded_as_same(x, 3, 2) if self.is_dynamic else x)
        return output


class BitDownsampleConv(nn.Module):
    """The shortcut of a block that changes the shape."""

    def __init__(self, config: BitConfig, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv = WeightStandardizedConv2d(config, inner, outer, 1, stride)
        self.norm = identity if config.layer_type == "preactivation" else BitGroupNormActivation(config, outer, acts=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        return self.norm(self.conv(x))


def middle_width(outer: int) -> int:
    """The channels in the middle of a block: about a quarter."""
    quarter = outer / 4
    rounded = max(WIDTH_UNIT, int(quarter + WIDTH_UNIT / 2) // WIDTH_UNIT * WIDTH_UNIT)
    return rounded + WIDTH_UNIT if rounded < 0.9 * quarter else rounded


class BitPreActivationBottleneckLayer(nn.Module):
    """x + conv3(norm3(conv2(norm2(conv1(norm1(x)))))), the shortcut from behind the first norm where the shape changes."""

    def __init__(self, config: BitConfig, inner: int, outer: int, stride: int, rate: float, is_first: bool) -> None:
        super().__init__()
        middle = middle_width(outer)
        self.downsample = BitDownsampleConv(config, inner, outer, stride) if is_first else None
        self.norm1 = BitGroupNormActivation(config, inner)
        self.conv1 = WeightStandardizedConv2d(config, inner, middle, 1)
        self.norm2 = BitGroupNormActivation(config, middle)
        self.conv2 = WeightStandardizedConv2d(config, middle, middle, 3, stride)
        self.norm3 = BitGroupNormActivation(config, middle)
        self.conv3 = WeightStandardizedConv2d(config, middle, outer, 1)
        self.drop_path = StochasticDepth(rate)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        normed = self.norm1(hidden_states)
        shortcut = hidden_states if self.downsample is None else self.downsample(normed)
        x = self.conv3(self.norm3(self.conv2(self.norm2(self.conv1(normed)))))
        output: Tensor = self.drop_path(x) + shortcut
        return output


class BitBottleneckLayer(nn.Module):
    """act(x + norm3(conv3(norm2(conv2(norm1(conv1(x)))))))."""

    def __init__(self, config: BitConfig, inner: int, outer: int, stride: int, rate: float, is_first: bool) -> None:
        super().__init__()
        middle = middle_width(outer)
        self.downsample = BitDownsampleConv(config, inner, outer, stride) if is_first else None
        self.conv1 = WeightStandardizedConv2d(config, inner, middle, 1)
        self.norm1 = BitGroupNormActivation(config, middle)
        self.conv2 = WeightStandardizedConv2d(config, middle, middle, 3, stride)
        self.norm2 = BitGroupNormActivation(config, middle)
        self.conv3 = WeightStandardizedConv2d(config, middle, outer, 1)
        self.norm3 = BitGroupNormActivation(config, outer, acts=False)
        self.drop_path = StochasticDepth(rate)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        shortcut = hidden_states if self.downsample is None else self.downsample(hidden_states)
        x = self.norm2(self.conv2(self.norm1(self.conv1(hidden_states))))
        return self.activation(self.drop_path(self.norm3(self.conv3(x))) + shortcut)


class BitStage(nn.Module):
    """Blocks of one width, the first of which may halve the image."""

    def __init__(self, config: BitConfig, inner: int, outer: int, stride: int, rates: list[float]) -> None:
        super().__init__()
        kind = BitPreActivationBottleneckLayer if config.layer_type == "preactivation" else BitBottleneckLayer
        self.layers = nn.Sequential(
            *(
                kind(config, inner if place == 0 else outer, outer, stride if place == 0 else 1, rate, place == 0)
                for place, rate in enumerate(rates)
            )
        )

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.layers(input)
        return output


class BitEncoder(nn.Module):
    """All stages."""

    def __init__(self, config: BitConfig) -> None:
        super().__init__()
        rates, smaller = iter(rising_rates(config.drop_path_rate, sum(config.depths))), STEM_STRIDE
        inner, self.stages = config.embedding_size, nn.ModuleList()
        for number, depth in enumerate(config.depths):
            stride = 1 if number == 0 or smaller >= config.output_stride else 2
            smaller, outer = smaller * stride, config.hidden_sizes[number] * config.width_factor
            self.stages.append(BitStage(config, inner, outer, stride, [next(rates) for _ in range(depth)]))
            inner = outer

    def forward(self, hidden_state: Tensor) -> list[Tensor]:
        """The stem's state -> it and the state behind each stage."""
        states = [hidden_state]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states


class BitPreTrainedModel(PreTrainedModel):
    """What all BiT classes share."""

    config_class = BitConfig
    base_model_prefix = "bit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages")}
    supports_gradient_checkpointing = False
    kind_starts = {nn.Conv2d: start_convolution, nn.Linear: lambda dense, config: dense.reset_parameters()}
    _no_split_modules = ["BitEmbeddings"]
    config: BitConfig


def last_width(config: BitConfig) -> int:
    """The channels of the last states."""
    return config.hidden_sizes[len(config.depths) - 1] * config.width_factor


class BitModel(BitPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: BitConfig) -> None:
        super().__init__(config)
        self.embedder = BitEmbeddings(config)
        self.encoder = BitEncoder(config)
        is_behind = config.layer_type == "preactivation"
        self.norm = BitGroupNormActivation(config, last_width(config)) if is_behind else identity
        self.pooler = nn.AdaptiveAvgPool2d((1, 1))

    def get_input_embeddings(self) -> nn.Module:
        return self.embedder.convolution

    def states(self, pixel_values: Tensor | None) -> list[Tensor]:
        """The stem's state and the state behind each stage, (B, C, Y, X) each."""
        states: list[Tensor] = self.encoder(self.embedder(pixel_values))
        return states

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their mean `pooler_output` (B, D, 1, 1)."""
        x = self.norm(self.states(pixel_values)[-1])
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.pooler(x))


class BitForImageClassification(PooledImageClassifier, BitPreTrainedModel):
    """BiT that labels an image by the mean of its last states."""

    backbone_class = BitModel

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(last_width(self.config), config.num_labels))


class BitBackbone(BitPreTrainedModel, Backbone):
    """BiT whose output is the maps of the stages in `config.out_features`."""

    config: BitConfig

    def __init__(self, config: BitConfig) -> None:
        super().__init__(config)
        self.bit = BitModel(config)

    @property
    def num_features(self) -> list[int]:
        widths: Any = self.config.hidden_sizes[: len(self.config.depths)]
        return [self.config.embedding_size, *(width * self.config.width_factor for width in widths)]

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        return self.feature_maps(self.bit.states(pixel_values))
