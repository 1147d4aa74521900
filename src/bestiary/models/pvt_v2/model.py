"""The modules of PVTv2. Parameter names are the published ones."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, BaseModelOutput
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.mix_transformer import (
    MixFeedForward,
    MixTransformerLayer,
    OverlapPatchEmbeddings,
    ReducedAttention,
    as_grid,
    as_places,
    check_images,
    run_stage,
    stage_layers,
)
from ...modeling.recording import Stack
from . import PvtV2Config


class PvtV2OverlapPatchEmbeddings(OverlapPatchEmbeddings):
    """A convolution whose patches overlap, and a norm."""


class PvtV2SelfAttention(ReducedAttention):
    """Every place looks at the places of a smaller grid, of `ratio` times fewer a side or of 7 x 7; then a dense layer."""

    query_name, projections = "query", ("query", "key", "value")
    dropout_name = "attn_drop"

    def __init__(self, config: PvtV2Config, size: int, heads: int, ratio: int) -> None:
        super().__init__(config, size, heads)
        self.linear_attention = config.linear_attention
        self.proj = nn.Linear(size, size)
        self.proj_drop = nn.Dropout(config.hidden_dropout_prob)
        if config.linear_attention:
            self.pool = nn.AdaptiveAvgPool2d(7)
            ratio = 1
        if config.linear_attention or ratio > 1:
            self.spatial_reduction = nn.Conv2d(size, size, ratio, stride=ratio)
            self.layer_norm = nn.LayerNorm(size, config.layer_norm_eps)
        if config.linear_attention:
            self.act = nn.GELU()

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        seen = hidden_states
        if "spatial_reduction" in self._modules:
            grid = as_grid(hidden_states, height, width)
            grid = self.spatial_reduction(self.pool(grid) if self.linear_attention else grid)
            seen = self.layer_norm(as_places(grid))
            seen = self.act(seen) if self.linear_attention else seen
        output: Tensor = self.proj_drop(self.proj(self.mix(hidden_states, seen)))
        return output


class PvtV2ConvFeedForwardNetwork(MixFeedForward):
    """An MLP that also sees the eight neighbours of a place."""

    names = ("dense1", "intermediate_act_fn", "dense2")

    def __init__(self, config: PvtV2Config, size: int, inner: int) -> None:
        super().__init__(config, size, inner)
        self.relu = nn.ReLU() if config.linear_attention else nn.Identity()

    def on_grid(self, inner: Tensor, height: int, width: int) -> Tensor:
        return super().on_grid(self.relu(inner), height, width)


class PvtV2BlockLayer(MixTransformerLayer):
    """x + attention(norm(x)), then x + mlp(norm(x)); in training whole halves are left out for some images."""

    attention_class = PvtV2SelfAttention
    mlp_class = PvtV2ConvFeedForwardNetwork
    norms = ("layer_norm_1", "layer_norm_2")
    follows_eps = True


class PvtV2EncoderLayer(nn.Module):
    """A stage: an embedding, blocks and a norm."""

    def __init__(self, config: PvtV2Config, layer_idx: int) -> None:
        super().__init__()
        size, eps = config.hidden_sizes[layer_idx], config.layer_norm_eps
        channels = config.hidden_sizes[layer_idx - 1] if layer_idx else config.num_channels
        patch, stride = config.patch_sizes[layer_idx], config.strides[layer_idx]
        self.patch_embedding = PvtV2OverlapPatchEmbeddings(patch, stride, channels, size, eps)
        self.blocks = stage_layers(PvtV2BlockLayer, config, layer_idx)
        self.layer_norm = nn.LayerNorm(size, eps)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, y, x)."""
        return as_grid(*run_stage(self.patch_embedding, self.blocks, self.layer_norm, hidden_states))


class PvtV2Encoder(nn.Module):
    """All stages."""

    def __init__(self, config: PvtV2Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList(PvtV2EncoderLayer(config, stage) for stage in range(config.num_encoder_blocks))

    def forward(self, pixel_values: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> the grid (B, D, y, x) behind each stage."""
        states = [pixel_values]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return states[1:]


def start_convolution(convolution: Any, config: Any) -> None:
    """Normal, of a variance of 2 / the number of numbers that one input changes (He et al. 2015)."""
    changed = math.prod(convolution.kernel_size) * convolution.out_channels // convolution.groups
    nn.init.normal_(convolution.weight, 0.0, math.sqrt(2 / changed))
    nn.init.zeros_(convolution.bias)


class PvtV2PreTrainedModel(PreTrainedModel):
    """What all PVTv2 classes share."""

    config_class = PvtV2Config
    base_model_prefix = "pvt_v2"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layers", outputs=True, entry=False, complete=False)}
    kind_starts = {nn.Conv2d: start_convolution}
    _no_split_modules = ["PvtV2BlockLayer"]
    config: Any

    def _arrange_recorded(self, output: Any) -> None:
        """Weights of attention by stage."""
        depths = self.config.depths[: self.config.num_encoder_blocks]
        if output.attentions is not None and len(output.attentions) == sum(depths):
            weights = iter(output.attentions)
            output.attentions = tuple(tuple(next(weights) for _ in range(depth)) for depth in depths)


class PvtV2Model(PvtV2PreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: PvtV2Config) -> None:
        super().__init__(config)
        self.encoder = PvtV2Encoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.layers[0].get_submodule("patch_embedding.proj")

    def states(self, pixel_values: Tensor | None) -> list[Tensor]:
        """(B, C, Y, X) -> the grid (B, D, y, x) behind each stage."""
        states: list[Tensor] = self.encoder(check_images(pixel_values, self.config, self.get_input_embeddings()))
        return states

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X), of any size. The states are (B, D, Y/32, X/32) with the usual strides."""
        return BaseModelOutput(last_hidden_state=self.states(pixel_values)[-1])


class PvtV2ForImageClassification(ImageClassifier, PvtV2PreTrainedModel):
    """PVTv2 that labels an image by the mean of its last states."""

    backbone_class = PvtV2Model

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(self.config.hidden_sizes[self.config.num_encoder_blocks - 1], config.num_labels)

    def pool(self, output: Any) -> Tensor:
        return torch.flatten(output.last_hidden_state, 2).mean(2)


class PvtV2Backbone(PvtV2Model, Backbone):
    """PVTv2 whose output is the maps of the stages in `config.out_features`."""

    @property
    def num_features(self) -> list[int]:
        return list(self.config.hidden_sizes[: self.config.num_encoder_blocks])

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:  # type: ignore[override]
        """pixel_values: (B, C, Y, X), of any size."""
        return self.feature_maps(self.states(pixel_values))
