"""The modules of HGNet V2. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, ImageClassifierOutput
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.recording import Stack
from ...nn.activations import identity
from ...nn.alias import Alias
from ...nn.init import Starting, constant
from ...nn.patches import check_pixels
from ..resnet.model import ResNetConvLayer
from . import HGNetV2Config

BLOCK_ACT = "relu"  # in all blocks, whatever activation the config names, which the stem has


class HGNetV2LearnableAffineBlock(Starting):
    """scale * x + bias, with one trained number each."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1))
        self.starts = {"scale": constant(1.0), "bias": constant(0.0)}

    def forward(self, hidden_state: Tensor) -> Tensor:
        return self.scale * hidden_state + self.bias


class HGNetV2ConvLayer(ResNetConvLayer):
    """act(norm(convolution)), scaled and shifted behind an activation where the config says so; `act` None is none."""

    def __init__(
        self,
        config: HGNetV2Config,
        inner: int,
        outer: int,
        kernel: int,
        stride: Any = 1,
        act: str | None = None,
        groups: int = 1,
    ) -> None:
        super().__init__(inner, outer, kernel, stride, act, groups)
        self.lab = HGNetV2LearnableAffineBlock() if act is not None and config.use_learnable_affine_block else identity

    def forward(self, input: Tensor) -> Tensor:
        return self.lab(super().forward(input))


class HGNetV2ConvLayerLight(nn.Module):
    """A convolution of 1x1 and one of every channel alone."""

    def __init__(self, config: HGNetV2Config, inner: int, outer: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = HGNetV2ConvLayer(config, inner, outer, 1)
        self.conv2 = HGNetV2ConvLayer(config, outer, outer, kernel, act=BLOCK_ACT, groups=outer)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        output: Tensor = self.conv2(self.conv1(hidden_state))
        return output


def with_edge(x: Tensor) -> Tensor:
    """Maps (B, C, Y, X) with zeros below and to the right, so that a window of 2x2 keeps their size."""
    return nn.functional.pad(x, (0, 1, 0, 1))


class HGNetV2Embeddings(nn.Module):
    """The stem, which makes the image four times smaller."""

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__()
        (channels, middle, outer), strides, act = config.stem_channels, config.stem_strides, config.hidden_act
        self.stem1 = HGNetV2ConvLayer(config, channels, middle, 3, strides[0], act)
        self.stem2a = HGNetV2ConvLayer(config, middle, middle // 2, 2, strides[1], act)
        self.stem2b = HGNetV2ConvLayer(config, middle // 2, middle, 2, strides[2], act)
        self.stem3 = HGNetV2ConvLayer(config, 2 * middle, middle, 3, strides[3], act)
        self.stem4 = HGNetV2ConvLayer(config, middle, outer, 1, strides[4], act)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=1, ceil_mode=True)
        self.num_channels = channels

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/4, X/4)."""
        pixels = check_pixels(pixel_values, self.num_channels, 1, None)
        x = with_edge(self.stem1(pixels.to(self.stem1.convolution.weight.dtype)))
        convolved = self.stem2b(with_edge(self.stem2a(x)))
        output: Tensor = self.stem4(self.stem3(torch.cat((self.pool(x), convolved), dim=1)))
        return output


class HGNetV2BasicLayer(nn.Module):
    """A row of layers, the input and outputs of all of which two convolutions of 1x1 weigh; `adds` adds the input as well."""

    def __init__(self, config: HGNetV2Config, stage: int, inner: int, adds: bool) -> None:
        super().__init__()
        middle, outer, count = (
            config.stage_mid_channels[stage],
            config.stage_out_channels[stage],
            config.stage_numb_of_layers[stage],
        )
        kernel, act, self.adds = config.stage_kernel_size[stage], BLOCK_ACT, adds
        widths = [inner] + [middle] * (count - 1)
        if config.stage_light_block[stage]:
            layers: list[nn.Module] = [HGNetV2ConvLayerLight(config, width, middle, kernel) for width in widths]
        else:
            layers = [HGNetV2ConvLayer(config, width, middle, kernel, act=act) for width in widths]
        self.layers = nn.ModuleList(layers)
        self.aggregation = nn.Sequential(
            HGNetV2ConvLayer(config, inner + count * middle, outer // 2, 1, act=act),
            HGNetV2ConvLayer(config, outer // 2, outer, 1, act=act),
        )

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y, X)."""
        states = [hidden_state]
        for layer in self.layers:
            states.append(layer(states[-1]))
        output: Tensor = self.aggregation(torch.cat(states, dim=1))
        return output + hidden_state if self.adds else output


class HGNetV2Stage(nn.Module):
    """Blocks of one width, behind a convolution that makes the image smaller, where the config says so."""

    def __init__(self, config: HGNetV2Config, stage: int) -> None:
        super().__init__()
        inner, outer = config.stage_in_channels[stage], config.stage_out_channels[stage]
        if config.stage_downsample[stage]:
            stride = config.stage_downsample_strides[stage]
            self.downsample: nn.Module = HGNetV2ConvLayer(config, inner, inner, 3, stride, groups=inner)
        else:
            self.downsample = nn.Identity()
        self.blocks = nn.ModuleList(
            HGNetV2BasicLayer(config, stage, outer if place else inner, adds=place > 0)
            for place in range(config.stage_num_blocks[stage])
        )

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        x: Tensor = self.downsample(hidden_state)
        for block in self.blocks:
            x = block(x)
        return x


class HGNetV2Encoder(nn.Module):
    """All stages."""

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__()
        self.stages = nn.ModuleList(HGNetV2Stage(config, stage) for stage in range(len(config.depths)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """The stem's state -> it and the state behind each stage."""
        states = [x]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states


class HGNetV2PreTrainedModel(PreTrainedModel):
    """What all HGNetV2 classes share: stem and stages, which no class of their own holds."""

    config_class = HGNetV2Config
    base_model_prefix = "hgnetv2"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages")}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["HGNetV2BasicLayer"]
    config: HGNetV2Config

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__(config)
        self.embedder = HGNetV2Embeddings(config)
        self.encoder = HGNetV2Encoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedder.stem1.convolution


class HGNetV2Backbone(HGNetV2PreTrainedModel, Backbone):
    """HGNet V2 whose output is the maps of the stages in `config.out_features`."""

    config: HGNetV2Config

    @property
    def num_features(self) -> list[int]:
        return [self.config.stem_channels[-1], *self.config.stage_out_channels]

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        return self.feature_maps(self.encoder(self.embedder(pixel_values)))


class HGNetV2ForImageClassification(HGNetV2PreTrainedModel):
    """HGNet V2 that labels an image by the mean of its last states."""

    loss_type = "ForImageClassification"
    num_labels = Alias("config.num_labels")

    def __init__(self, config: HGNetV2Config) -> None:
        super().__init__(config)
        self.fc = nn.Linear(config.stage_out_channels[-1], config.num_labels)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> ImageClassifierOutput:
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        logits = self.fc(self.encoder(self.embedder(pixel_values))[-1].mean((-2, -1)))
        loss = None if labels is None else self.loss_function(labels, logits, self.config)
        return ImageClassifierOutput(loss=loss, logits=logits)
