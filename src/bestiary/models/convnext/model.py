"""The modules of ConvNeXt. Parameter names are the published ones."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...modeling.backbone import NORMS_OF_MAPS, Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.convolution_config import ConvolutionStagesConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.channel_norm import ChannelNorm
from ...nn.init import Starting, constant
from ...nn.patches import check_pixels
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import ConvNextConfig

EPS = 1e-6  # of all norms but the last one


class ConvNextEmbeddings(nn.Module):
    """The stem: a convolution whose stride is its width, and a norm."""

    def __init__(self, config: ConvolutionStagesConfig) -> None:
        super().__init__()
        self.patch_size, size = config.patch_size, config.hidden_sizes[0]
        self.patch_embeddings = nn.Conv2d(config.num_channels, size, config.patch_size, stride=config.patch_size)
        self.layernorm = ChannelNorm(size, eps=EPS)
        self.num_channels = config.num_channels

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/4, X/4)."""
        pixels = check_pixels(pixel_values, self.num_channels, self.patch_size, None)
        output: Tensor = self.layernorm(self.patch_embeddings(pixels.to(self.patch_embeddings.weight.dtype)))
        return output


class ConvNextLayer(Starting):
    """x + scale * mlp(norm(convolution(x))); the convolution of 7x7 sees one channel, the MLP one place."""

    def __init__(self, config: ConvolutionStagesConfig, size: int, rate: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(size, size, kernel_size=7, padding=3, groups=size)
        self.layernorm = ChannelNorm(size, eps=EPS, last=True)
        self.pwconv1 = nn.Linear(size, 4 * size)
        self.act = activation(config.hidden_act)
        self.add_own(config, size)
        self.pwconv2 = nn.Linear(4 * size, size)
        self.drop_path = StochasticDepth(rate)

    def add_own(self, config: ConvolutionStagesConfig, size: int) -> None:
        """Build what relatives do not have: the scale of each channel."""
        start = config.get("layer_scale_init_value")
        self.layer_scale_parameter = nn.Parameter(torch.zeros(size)) if start > 0 else None
        self.starts = {"layer_scale_parameter": constant(start)} if start > 0 else {}

    def transform(self, x: Tensor) -> Tensor:
        """The MLP and the scale at each place, (B, Y, X, C)."""
        x = self.pwconv2(self.act(self.pwconv1(x)))
        return x if self.layer_scale_parameter is None else self.layer_scale_parameter * x

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        x = self.layernorm(self.dwconv(features).permute(0, 2, 3, 1))
        output: Tensor = features + self.drop_path(self.transform(x).permute(0, 3, 1, 2))
        return output


class ConvNextStage(nn.Module):
    """Blocks of one width, behind a convolution that halves the image, but for the first stage."""

    layer_class: ClassVar[type[ConvNextLayer]] = ConvNextLayer

    def __init__(self, config: ConvolutionStagesConfig, inner: int, outer: int, rates: list[float], is_first: bool) -> None:
        super().__init__()
        halving = [] if is_first else [ChannelNorm(inner, eps=EPS), nn.Conv2d(inner, outer, kernel_size=2, stride=2)]
        self.downsampling_layer = nn.ModuleList(halving)
        self.layers = nn.ModuleList(self.layer_class(config, outer, rate) for rate in rates)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        for layer in (*self.downsampling_layer, *self.layers):
            features = layer(features)
        return features


class ConvNextEncoder(nn.Module):
    """All stages."""

    stage_class: ClassVar[type[ConvNextStage]] = ConvNextStage

    def __init__(self, config: ConvolutionStagesConfig) -> None:
        super().__init__()
        sizes, rates = config.hidden_sizes, iter(rising_rates(config.drop_path_rate, sum(config.depths)))
        self.stages = nn.ModuleList(
            self.stage_class(config, sizes[max(number - 1, 0)], sizes[number], [next(rates) for _ in range(depth)], number == 0)
            for number, depth in enumerate(config.depths)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """The stem's state -> it and the state behind each stage."""
        states = [x]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states


class ConvNextPreTrainedModel(PreTrainedModel):
    """What all ConvNext classes share."""

    config_class = ConvNextConfig
    base_model_prefix = "convnext"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages")}
    supports_gradient_checkpointing = False
    _no_split_modules = ["ConvNextLayer", "ConvNextStage"]
    embeddings_class: ClassVar[type[ConvNextEmbeddings]] = ConvNextEmbeddings
    encoder_class: ClassVar[type[ConvNextEncoder]] = ConvNextEncoder
    config: ConvolutionStagesConfig


class ConvNextModel(ConvNextPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: ConvolutionStagesConfig) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        self.layernorm = nn.LayerNorm(config.hidden_sizes[-1], config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their norm's mean `pooler_output` (B, D)."""
        x = self.encoder(self.embeddings(pixel_values))[-1]
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.layernorm(x.mean((-2, -1))))


class ConvNextForImageClassification(PooledImageClassifier, ConvNextPreTrainedModel):
    """ConvNext that labels an image by the mean of its last states."""

    backbone_class = ConvNextModel

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return loss


class ConvNextBackbone(ConvNextPreTrainedModel, Backbone):
    """ConvNext whose output is the maps of the stages in `config.out_features`, each through a norm of its own."""

    config: ConvolutionStagesConfig
    _optional_parts = [NORMS_OF_MAPS]

    def __init__(self, config: ConvolutionStagesConfig) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        self.hidden_states_norms = nn.ModuleDict(
            {name: ChannelNorm(channels, eps=EPS) for name, channels in zip(self.out_features, self.channels, strict=True)}
        )

    @property
    def num_features(self) -> list[int]:
        return [self.config.hidden_sizes[0], *self.config.hidden_sizes]

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        return self.normed_maps(self.encoder(self.embeddings(pixel_values)), self.hidden_states_norms)
