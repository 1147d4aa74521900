"""The modules of PoolFormer. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.init import Starting, constant
from ...nn.patches import check_pixels
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import PoolFormerConfig


class PoolFormerEmbeddings(nn.Module):
    """The convolution before a stage."""

    def __init__(self, config: PoolFormerConfig, stage: int) -> None:
        super().__init__()
        inner = config.hidden_sizes[stage - 1] if stage else config.num_channels
        sizes = config.patch_sizes[stage], config.strides[stage], config.padding[stage]
        self.projection = nn.Conv2d(inner, config.hidden_sizes[stage], *sizes)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y / stride, X / stride)."""
        output: Tensor = self.projection(pixel_values)
        return output


class PoolFormerPooling(nn.Module):
    """The mean of a place's neighbourhood, less the place itself."""

    def __init__(self, pool_size: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(pool_size, stride=1, padding=pool_size // 2, count_include_pad=False)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        output: Tensor = self.pool(hidden_states) - hidden_states
        return output


class PoolFormerOutput(nn.Module):
    """The MLP of each place."""

    def __init__(self, config: PoolFormerConfig, size: int, rate: float) -> None:
        super().__init__()
        inner = int(size * config.mlp_ratio)
        self.conv1 = nn.Conv2d(size, inner, 1)
        self.conv2 = nn.Conv2d(inner, size, 1)
        self.drop = StochasticDepth(rate)
        self.act_fn = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        output: Tensor = self.drop(self.conv2(self.drop(self.act_fn(self.conv1(hidden_states)))))
        return output


class PoolFormerLayer(Starting):
    """x + scale * pooling(norm(x)), then x + scale * mlp(norm(x)); the norms are over all channels and places of an image."""

    def __init__(self, config: PoolFormerConfig, size: int, rate: float) -> None:
        super().__init__()
        self.pooling = PoolFormerPooling(config.pool_size)
        self.output = PoolFormerOutput(config, size, rate)
        self.before_norm = nn.GroupNorm(1, size)
        self.after_norm = nn.GroupNorm(1, size)
        self.drop_path = StochasticDepth(rate)
        self.scales = config.use_layer_scale
        if self.scales:
            self.layer_scale_1 = nn.Parameter(torch.zeros(size))
            self.layer_scale_2 = nn.Parameter(torch.zeros(size))
            self.starts = dict.fromkeys(("layer_scale_1", "layer_scale_2"), constant(config.layer_scale_init_value))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        pooled = self.pooling(self.before_norm(hidden_states))
        x = hidden_states + self.drop_path(self.layer_scale_1[:, None, None] * pooled if self.scales else pooled)
        made = self.output(self.after_norm(x))
        output: Tensor = x + self.drop_path(self.layer_scale_2[:, None, None] * made if self.scales else made)
        return output


class PoolFormerStage(nn.ModuleList):
    """Blocks of one width."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, Y, X)."""
        for layer in self:
            features = layer(features)
        return features


class PoolFormerEncoder(nn.Module):
    """All stages."""

    def __init__(self, config: PoolFormerConfig) -> None:
        super().__init__()
        count = config.num_encoder_blocks
        rates = iter(rising_rates(config.drop_path_rate, sum(config.depths)))
        self.patch_embeddings = nn.ModuleList(PoolFormerEmbeddings(config, stage) for stage in range(count))
        self.block = nn.ModuleList(
            PoolFormerStage(
                PoolFormerLayer(config, config.hidden_sizes[stage], next(rates)) for _ in range(config.depths[stage])
            )
            for stage in range(count)
        )

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/32, X/32)."""
        x = pixel_values
        for embed, layers in zip(self.patch_embeddings, self.block, strict=True):
            x = layers(embed(x))
        return x


class PoolFormerPreTrainedModel(PreTrainedModel):
    """What all PoolFormer classes share."""

    config_class = PoolFormerConfig
    base_model_prefix = "poolformer"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.block", outputs=True, entry=False, complete=False)}
    supports_gradient_checkpointing = False
    _no_split_modules = ["PoolFormerLayer"]
    config: PoolFormerConfig


class PoolFormerModel(PoolFormerPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: PoolFormerConfig) -> None:
        super().__init__(config)
        self.encoder = PoolFormerEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_submodule("patch_embeddings.0.projection")

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        weight: Any = self.get_input_embeddings().weight
        return BaseModelOutput(last_hidden_state=self.encoder(pixels.to(weight.dtype)))


class PoolFormerForImageClassification(PooledImageClassifier, PoolFormerPreTrainedModel):
    """PoolFormer that labels an image by the mean of its last states behind a norm."""

    backbone_class = PoolFormerModel

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        """The layer of logits; the norm before it is made here too, so that weights stand in the order of published files."""
        self.norm = nn.GroupNorm(1, self.config.hidden_sizes[-1])
        return nn.Linear(self.config.hidden_sizes[-1], config.num_labels)

    def pool(self, output: Any) -> Tensor:
        states: Tensor = self.norm(output.last_hidden_state)
        return states.mean((-2, -1))
