"""The modules of DINOv3's ConvNeXt. Parameter names are those of the published modules."""

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling
from ...loading.rules import rename
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.channel_norm import ChannelNorm
from ...nn.init import Starting, constant
from ...nn.patches import check_pixels
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import DINOv3ConvNextConfig


class DINOv3ConvNextLayer(Starting):
    """x + scale * mlp(norm(convolution(x))); the convolution of 7x7 sees one channel, the MLP one place."""

    def __init__(self, config: DINOv3ConvNextConfig, channels: int, rate: float) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(channels, channels, kernel_size=7, padding=3, groups=channels)
        self.layer_norm = ChannelNorm(channels, config.layer_norm_eps, last=True)
        self.pointwise_conv1 = nn.Linear(channels, 4 * channels)
        self.activation_fn = activation(config.hidden_act)
        self.pointwise_conv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.drop_path = StochasticDepth(rate)
        self.starts = {"gamma": constant(config.layer_scale_init_value)}

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        x = self.layer_norm(self.depthwise_conv(features).permute(0, 2, 3, 1))
        x = self.pointwise_conv2(self.activation_fn(self.pointwise_conv1(x)))
        output: Tensor = features + self.drop_path((x * self.gamma).permute(0, 3, 1, 2))
        return output


class DINOv3ConvNextStage(nn.Module):
    """Blocks of one width behind what makes the image smaller: four times before the first stage, else twice."""

    def __init__(self, config: DINOv3ConvNextConfig, stage: int, rates: list[float]) -> None:
        super().__init__()
        outer, eps = config.hidden_sizes[stage], config.layer_norm_eps
        if stage:
            inner = config.hidden_sizes[stage - 1]
            smaller: list[nn.Module] = [ChannelNorm(inner, eps), nn.Conv2d(inner, outer, kernel_size=2, stride=2)]
        else:
            smaller = [nn.Conv2d(config.num_channels, outer, kernel_size=4, stride=4), ChannelNorm(outer, eps)]
        self.downsample_layers = nn.ModuleList(smaller)
        self.layers = nn.ModuleList(DINOv3ConvNextLayer(config, outer, rate) for rate in rates)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        for layer in (*self.downsample_layers, *self.layers):
            features = layer(features)
        return features


class DINOv3ConvNextEncoder(nn.Module):
    """All stages."""

    def __init__(self, config: DINOv3ConvNextConfig) -> None:
        super().__init__()
        rates = iter(rising_rates(config.drop_path_rate, sum(config.depths)))
        self.stages = nn.ModuleList(
            DINOv3ConvNextStage(config, stage, [next(rates) for _ in range(depth)]) for stage, depth in enumerate(config.depths)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images -> they and the state behind each stage."""
        states = [x]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states


class DINOv3ConvNextPreTrainedModel(PreTrainedModel):
    """What both DINOv3ConvNext classes share: the stages."""

    config_class = DINOv3ConvNextConfig
    base_model_prefix = "dinov3_convnext"
    main_input_name = "pixel_values"
    stacks = {"": Stack("model.stages")}
    supports_gradient_checkpointing = False
    _no_split_modules = ["DINOv3ConvNextLayer"]
    _weight_rules = (rename("stages.{}.{*}", "model.stages.{}.{*}"),)
    config: DINOv3ConvNextConfig

    def __init__(self, config: DINOv3ConvNextConfig) -> None:
        super().__init__(config)
        self.model = DINOv3ConvNextEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_submodule("stages.0.downsample_layers.0")

    def states(self, pixel_values: Tensor | None) -> list[Tensor]:
        """The images and the state behind each stage, (B, C, Y, X) each."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 4, None)
        states: list[Tensor] = self.model(pixels.to(next(self.parameters()).dtype))
        return states


class DINOv3ConvNextModel(DINOv3ConvNextPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: DINOv3ConvNextConfig) -> None:
        super().__init__(config)
        self.layer_norm = nn.LayerNorm(config.hidden_sizes[-1], config.layer_norm_eps)

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states (B, 1 + Y/32 * X/32, D) are the mean of the last map, which is `pooler_output`
        too, and its places row by row."""
        features = self.states(pixel_values)[-1].flatten(2).transpose(1, 2)
        x = self.layer_norm(torch.cat((features.mean(dim=1, keepdim=True), features), dim=1))
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x[:, 0])


class DINOv3ConvNextBackbone(DINOv3ConvNextPreTrainedModel, Backbone):
    """DINOv3 ConvNeXt whose output is the maps of the stages in `config.out_features`; that of the stem is the image."""

    config: DINOv3ConvNextConfig

    @property
    def num_features(self) -> list[int]:
        return [self.config.num_channels, *self.config.hidden_sizes]

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        return self.feature_maps(self.states(pixel_values))
