"""The modules of ResNet. Parameter names are the published ones."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.recording import Stack
from ...modeling.residual_config import ResidualConfig
from ...nn.activations import activation, identity
from ...nn.patches import check_pixels
from . import ResNetConfig


class ResNetConvLayer(nn.Module):
    """act(norm(convolution)), padded so that only the stride makes the image smaller; `act` None is none."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int = 1, act: str | None = None, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inner, outer, kernel, stride, padding=(kernel - 1) // 2, groups=groups, bias=False)
        self.normalization = nn.BatchNorm2d(outer)
        self.activation = identity if act is None else activation(act)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.normalization(self.convolution(x)))


class ResNetEmbeddings(nn.Module):
    """The stem: a convolution of 7x7 and a maximum of 3x3, which make the image four times smaller."""

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__()
        self.embedder: nn.Module = ResNetConvLayer(config.num_channels, config.embedding_size, 7, 2, config.hidden_act)
        self.pooler = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.num_channels = config.num_channels

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/4, X/4)."""
        pixels = check_pixels(pixel_values, self.num_channels, 1, None)
        output: Tensor = self.pooler(self.embedder(pixels.to(next(self.embedder.parameters()).dtype)))
        return output


class ResNetLayer(nn.Module):
    """act(convolutions(x) + shortcut(x)); the shortcut is a convolution where the shape changes.

    Between the convolutions stands a ReLU, whatever activation the config names.
    """

    def __init__(self, config: ResidualConfig, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        changes, act = inner != outer or stride != 1, "relu"
        self.shortcut: nn.Module = ResNetConvLayer(inner, outer, 1, stride) if changes else nn.Identity()
        if config.layer_type == "basic":
            layers = [ResNetConvLayer(inner, outer, 3, stride, act), ResNetConvLayer(outer, outer, 3)]
        else:
            narrow = outer // 4
            strides = (stride, 1) if config.get("downsample_in_bottleneck") else (1, stride)
            layers = [
                ResNetConvLayer(inner, narrow, 1, strides[0], act),
                ResNetConvLayer(narrow, narrow, 3, strides[1], act),
                ResNetConvLayer(narrow, outer, 1),
            ]
        self.layer = nn.Sequential(*layers)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden_state: Tensor) -> Tensor:
        return self.activation(self.layer(hidden_state) + self.shortcut(hidden_state))


class ResNetStage(nn.Module):
    """Blocks of one width, the first of which may halve the image."""

    layer_class: ClassVar[type[ResNetLayer]] = ResNetLayer

    def __init__(self, config: ResidualConfig, inner: int, outer: int, stride: int, depth: int) -> None:
        super().__init__()
        rest = (self.layer_class(config, outer, outer, 1) for _ in range(depth - 1))
        self.layers = nn.Sequential(self.layer_class(config, inner, outer, stride), *rest)

    def forward(self, input: Tensor) -> Tensor:
        output: Tensor = self.layers(input)
        return output


class ResNetEncoder(nn.Module):
    """All stages."""

    stage_class: ClassVar[type[ResNetStage]] = ResNetStage

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__()
        sizes, first = [config.embedding_size, *config.hidden_sizes], 2 if config.get("downsample_in_first_stage") else 1
        self.stages = nn.ModuleList(
            self.stage_class(config, sizes[number], sizes[number + 1], first if number == 0 else 2, depth)
            for number, depth in enumerate(config.depths)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """The stem's state -> it and the state behind each stage."""
        states = [x]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states


def start_convolution(convolution: Any, config: ResidualConfig) -> None:
    """As in He et al. 2015 ("Delving deep into rectifiers"): the gradient keeps its size from layer to layer."""
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")


class ResNetPreTrainedModel(PreTrainedModel):
    """What all ResNet classes share. Class attributes: the classes of the parts of both models."""

    config_class: ClassVar[type[PreTrainedConfig]] = ResNetConfig
    base_model_prefix = "resnet"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages")}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    kind_starts = {nn.Conv2d: start_convolution, nn.Linear: lambda dense, config: dense.reset_parameters()}
    _no_split_modules = ["ResNetLayer", "ResNetEmbeddings"]
    embeddings_class: ClassVar[type[ResNetEmbeddings]] = ResNetEmbeddings
    encoder_class: ClassVar[type[ResNetEncoder]] = ResNetEncoder
    config: ResidualConfig


class ResNetModel(ResNetPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__(config)
        self.embedder = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        self.pooler = nn.AdaptiveAvgPool2d(1)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedder.get_submodule("embedder.convolution")

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their mean `pooler_output` (B, D, 1, 1)."""
        states = self.encoder(self.embedder(pixel_values))
        return BaseModelOutputWithPooling(last_hidden_state=states[-1], pooler_output=self.pooler(states[-1]))


class ResNetForImageClassification(ImageClassifier, ResNetPreTrainedModel):
    """ResNet that labels an image by the mean of its last states."""

    backbone_class = ResNetModel

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(self.config.hidden_sizes[len(self.config.depths) - 1], config.num_labels))

    def pool(self, output: Any) -> Tensor:
        pooled: Tensor = output.pooler_output
        return pooled


class ResNetBackbone(ResNetPreTrainedModel, Backbone):
    """ResNet whose output is the maps of the stages in `config.out_features`."""

    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embedder = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)

    @property
    def num_features(self) -> list[int]:
        return [self.config.embedding_size, *self.config.hidden_sizes[: len(self.config.depths)]]

    def get_input_embeddings(self) -> nn.Module:
        return self.embedder.get_submodule("embedder.convolution")

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        return self.feature_maps(self.encoder(self.embedder(pixel_values)))
