"""The modules of GLPN. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutput, DepthEstimatorOutput
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import Headed
from ...modeling.mix_transformer import (
    MixFeedForward,
    MixTransformerLayer,
    OverlapPatchEmbeddings,
    ReducedAttention,
    as_grid,
    as_places,
    check_images,
    stage_embeddings,
    stage_layers,
)
from ...modeling.recording import Stack
from ...nn.init import start_usually
from ...nn.losses import scale_invariant_loss
from . import GLPNConfig


class GLPNOverlapPatchEmbeddings(OverlapPatchEmbeddings):
    """A convolution whose patches overlap, and a norm."""


class GLPNEfficientSelfAttention(ReducedAttention):
    """Every place looks at the places of a grid made `ratio` times smaller, a side, by a convolution."""

    query_name, projections = "query", ("query", "key", "value")
    dropout_name = "dropout"

    def __init__(self, config: GLPNConfig, hidden_size: int, num_attention_heads: int, sequence_reduction_ratio: int) -> None:
        super().__init__(config, hidden_size, num_attention_heads)
        self.sr_ratio = sequence_reduction_ratio
        if sequence_reduction_ratio > 1:
            self.sr = nn.Conv2d(hidden_size, hidden_size, sequence_reduction_ratio, stride=sequence_reduction_ratio)
            self.layer_norm = nn.LayerNorm(hidden_size)

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        seen = hidden_states
        if self.sr_ratio > 1:
            seen = self.layer_norm(as_places(self.sr(as_grid(hidden_states, height, width))))
        return self.mix(hidden_states, seen)


class GLPNSelfOutput(nn.Module):
    """A dense layer and dropout."""

    def __init__(self, config: GLPNConfig, hidden_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: Tensor, input_tensor: Tensor | None = None) -> Tensor:
        """The same shape; `input_tensor` is not looked at."""
        output: Tensor = self.dropout(self.dense(hidden_states))
        return output


class GLPNAttention(nn.Module):
    """Self-attention and its output projection."""

    def __init__(self, config: GLPNConfig, hidden_size: int, num_attention_heads: int, sequence_reduction_ratio: int) -> None:
        super().__init__()
        self.self = GLPNEfficientSelfAttention(config, hidden_size, num_attention_heads, sequence_reduction_ratio)
        self.output = GLPNSelfOutput(config, hidden_size)

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        output: Tensor = self.output(self.self(hidden_states, height, width))
        return output


class GLPNMixFFN(MixFeedForward):
    """An MLP that also sees the eight neighbours of a place."""

    names = ("dense1", "intermediate_act_fn", "dense2")


class GLPNLayer(MixTransformerLayer):
    """x + attention(norm(x)), then x + mlp(norm(x)); in training whole halves are left out for some images."""

    attention_class = GLPNAttention
    mlp_class = GLPNMixFFN
    norms = ("layer_norm_1", "layer_norm_2")


class StageNorm(nn.LayerNorm):
    """The norm behind a stage; where it is told height and width, it makes a grid (B, D, Y, X) of places (B, Y * X, D)."""

    def forward(self, hidden_states: Tensor, height: int | None = None, width: int | None = None) -> Tensor:
        normed = super().forward(hidden_states)
        return normed if height is None or width is None else as_grid(normed, height, width)


class GLPNEncoder(nn.Module):
    """All stages."""

    def __init__(self, config: GLPNConfig) -> None:
        super().__init__()
        stages = range(config.num_encoder_blocks)
        embeddings = (stage_embeddings(GLPNOverlapPatchEmbeddings, config, stage) for stage in stages)
        self.patch_embeddings = nn.ModuleList(embeddings)
        self.block = nn.ModuleList(stage_layers(GLPNLayer, config, stage) for stage in stages)
        self.layer_norm = nn.ModuleList(StageNorm(config.hidden_sizes[stage]) for stage in stages)

    def forward(self, pixel_values: Tensor) -> list[Tensor]:
        """(B, C, Y, X) -> the grid (B, D, y, x) behind each stage."""
        states = [pixel_values]
        for embed, layers, norm in zip(self.patch_embeddings, self.block, self.layer_norm, strict=True):
            places, height, width = embed(states[-1])
            for layer in layers.children():
                places = layer(places, height, width)
            states.append(norm(places, height, width))
        return states[1:]


class GLPNPreTrainedModel(PreTrainedModel):
    """What all GLPN classes share."""

    config_class = GLPNConfig
    base_model_prefix = "glpn"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.block", states=("encoder.layer_norm",))}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d), lambda part, config: start_usually(part, config.initializer_range))
    _no_split_modules = ["GLPNLayer"]
    config: GLPNConfig


class GLPNModel(GLPNPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: GLPNConfig) -> None:
        super().__init__(config)
        self.encoder = GLPNEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.patch_embeddings[0].get_submodule("proj")

    def states(self, pixel_values: Tensor | None) -> list[Tensor]:
        """(B, C, Y, X) -> the grid (B, D, y, x) behind each stage."""
        states: list[Tensor] = self.encoder(check_images(pixel_values, self.config, self.get_input_embeddings()))
        return states

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32) with the usual strides."""
        return BaseModelOutput(last_hidden_state=self.states(pixel_values)[-1])


class GLPNSelectiveFeatureFusion(nn.Module):
    """Two maps mixed place by place, as convolutions over both of them say."""

    def __init__(self, in_channel: int = 64) -> None:
        super().__init__()

        def block(inner: int, outer: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU())

        self.convolutional_layer1 = block(2 * in_channel, in_channel)
        self.convolutional_layer2 = block(in_channel, in_channel // 2)
        self.convolutional_layer3 = nn.Conv2d(in_channel // 2, 2, 3, padding=1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, local_features: Tensor, global_features: Tensor) -> Tensor:
        """Two maps (B, D, Y, X) -> the same shape."""
        both = self.convolutional_layer1(torch.cat((local_features, global_features), dim=1))
        shares = self.sigmoid(self.convolutional_layer3(self.convolutional_layer2(both)))
        mixed: Tensor = local_features * shares[:, :1] + global_features * shares[:, 1:]
        return mixed


class GLPNDecoderStage(nn.Module):
    """A grid of the encoder brought to the decoder's width, mixed with the coarser map so far, and enlarged twice."""

    def __init__(self, in_channels: int, out_channels: int, fuses: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        self.fusion = GLPNSelectiveFeatureFusion(out_channels) if fuses else None
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, hidden_state: Tensor, residual: Tensor | None = None) -> Tensor:
        """(B, C, Y, X) and the map so far (B, D, Y, X) -> (B, D, 2Y, 2X)."""
        x = self.convolution(hidden_state)
        if residual is not None and self.fusion is not None:
            x = self.fusion(x, residual)
        output: Tensor = self.upsample(x)
        return output


class GLPNDecoder(nn.Module):
    """All stages of the decoder, and one more enlargement."""

    def __init__(self, config: GLPNConfig) -> None:
        super().__init__()
        sizes = config.hidden_sizes[: config.num_encoder_blocks][::-1]
        self.stages = nn.ModuleList(GLPNDecoderStage(size, config.decoder_hidden_size, bool(k)) for k, size in enumerate(sizes))
        self.final_upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, hidden_states: list[Tensor]) -> list[Tensor]:
        """Grids of the encoder, fine to coarse -> the map behind each stage, coarse to fine; the last is enlarged again."""
        maps: list[Tensor] = []
        for grid, stage in zip(hidden_states[::-1], self.stages, strict=True):
            maps.append(stage(grid, maps[-1] if maps else None))
        maps[-1] = self.final_upsample(maps[-1])
        return maps


class GLPNDepthEstimationHead(nn.Module):
    """Two convolutions, and a depth between 0 and `max_depth`."""

    def __init__(self, config: GLPNConfig) -> None:
        super().__init__()
        size = config.decoder_hidden_size
        self.config = config
        self.head = nn.Sequential(nn.Conv2d(size, size, 3, padding=1), nn.ReLU(), nn.Conv2d(size, 1, 3, padding=1))

    def forward(self, hidden_states: list[Tensor]) -> Tensor:
        """Maps of the decoder -> (B, Y, X)."""
        depth: Tensor = self.head(hidden_states[self.config.head_in_index]).sigmoid() * self.config.max_depth
        return depth.squeeze(1)


class GLPNForDepthEstimation(Headed, GLPNPreTrainedModel):
    """GLPN that tells how far away each pixel is."""

    backbone_class = GLPNModel

    def __init__(self, config: GLPNConfig) -> None:
        super().__init__(config)
        self.decoder = GLPNDecoder(config)
        self.head = GLPNDepthEstimationHead(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> DepthEstimatorOutput:
        """Args:
        pixel_values: (B, C, Y, X), edges that are multiples of 32. labels: (B, Y, X), depth in metres; 0 is not known.
        """
        model: Any = self.base_model
        depth = self.head(self.decoder(model.states(pixel_values)))
        loss = None if labels is None else scale_invariant_loss(depth, labels)
        return DepthEstimatorOutput(loss=loss, predicted_depth=depth)
