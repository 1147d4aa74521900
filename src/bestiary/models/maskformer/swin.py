"""Swin as MaskFormer's files hold it. Parameter names are the published ones of files."""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BackboneOutput, ModelOutput
from ...loading.rules import rename
from ...modeling.backbone import Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.patch_attention import PatchSelfAttention
from ...modeling.recording import Stack
from ...modeling.window_config import WindowConfig
from ...modeling.windowed import (
    DistanceBiases,
    WindowAttention,
    WindowEmbeddings,
    WindowEncoder,
    WindowLayer,
    WindowStage,
    bias_rules,
)
from ...nn.part_order import put_last
from . import MaskFormerSwinConfig


@dataclass
class MaskFormerSwinModelOutputWithPooling(ModelOutput):
    """`last_hidden_state` (B, T, D), `pooler_output` (B, D); `hidden_states_spatial_dimensions`, rows and columns of each."""

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    hidden_states: Any = None
    hidden_states_spatial_dimensions: Any = None
    attentions: Any = None


class IndexedBiases(DistanceBiases):
    """Biases of distances, with the table of which pair has which that published files hold."""

    relative_position_index: Tensor

    def __init__(self, config: WindowConfig, heads: int) -> None:
        super().__init__(config, heads)
        size = config.window_size
        self.register_buffer("relative_position_index", torch.zeros(size**2, size**2, dtype=torch.long))

        def start(index: Tensor) -> None:
            places = torch.arange(size, device=index.device)
            distances = places[:, None] - places + size - 1
            pairs = (2 * size - 1) * distances[:, None, :, None] + distances[None, :, None, :]
            index.copy_(pairs.reshape(size**2, size**2))

        self.starts = {**self.starts, "relative_position_index": start}


class MaskFormerSwinSelfAttention(PatchSelfAttention):
    """Every place of a window looks at every place."""

    dropout_name = "dropout"
    calls_dropout = True


class MaskFormerSwinAttention(WindowAttention):
    """Attention in windows."""

    attention_class = MaskFormerSwinSelfAttention
    output_rate = "attention_probs_dropout_prob"

    def add_biases(self, config: WindowConfig, stage: int) -> None:
        self.relative_position_bias = IndexedBiases(config, config.num_heads[stage])
        put_last(self, "self", "output")


class MaskFormerSwinLayer(WindowLayer):
    """x + attention(norm(x)) in windows, then x + mlp(norm(x))."""

    attention_class = MaskFormerSwinAttention
    keeps_window = True

    def __init__(self, config: WindowConfig, stage: int, rate: float, shifts: bool) -> None:
        super().__init__(config, stage, rate, shifts)
        put_last(self, "attention", "layernorm_after", "intermediate", "output", "drop_path")


class MaskFormerSwinStage(WindowStage):
    """Blocks of one width."""

    layer_class = MaskFormerSwinLayer


class MaskFormerSwinEncoder(WindowEncoder):
    """All stages."""

    stage_class = MaskFormerSwinStage


class MaskFormerSwinPreTrainedModel(PreTrainedModel):
    """What both classes share."""

    config_class = MaskFormerSwinConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    kernels = ("sdpa", "eager")
    _no_split_modules = ["MaskFormerSwinStage"]
    _weight_rules = (
        *bias_rules(),
        rename("attention.self.relative_position_index", "attention.relative_position_bias.relative_position_index"),
    )
    config: Any

    def _arrange_recorded(self, output: Any) -> None:
        """As published: of each stage the states (B, T, D) before and behind each of its blocks, in one tuple.

        Attentions are the weights in the last block of each stage; what the published model calls so are states.
        """
        if output.hidden_states is not None:
            first, *others = output.hidden_states
            stages, before = [first.flatten(1, 2)], first
            for depth in self.config.depths:
                blocks, others = others[:depth], others[depth:]
                stages.append(tuple(each.flatten(1, 2) for pair in pairwise((before, *blocks)) for each in pair))
                before = others.pop(0) if others else blocks[-1]
            output.hidden_states = tuple(stages)
        if output.attentions is not None:
            ends = accumulate(self.config.depths)
            output.attentions = tuple(output.attentions[end - 1] for end in ends)


def block_stacks(config: MaskFormerSwinConfig, lead: str) -> dict[str, Stack]:
    """The stack of the model at `lead`, whose states are those of all blocks, and of what joins patches behind a stage."""
    paths = [f"{lead}embeddings"]
    for stage, depth in enumerate(config.depths):
        paths += [f"{lead}encoder.layers.{stage}.blocks.{block}" for block in range(depth)]
        paths += [f"{lead}encoder.layers.{stage}.downsample"] * (stage + 1 < len(config.depths))
    return {"": Stack(f"{lead}encoder.layers", states=tuple(paths))}


class MaskFormerSwinModel(MaskFormerSwinPreTrainedModel):
    """The stages without a head. With `add_pooling_layer` it gives `pooler_output`, the mean of all states."""

    def __init__(self, config: MaskFormerSwinConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings, self.encoder = WindowEmbeddings(config), MaskFormerSwinEncoder(config)
        self.layernorm = nn.LayerNorm(config.embed_dim * 2 ** (len(config.depths) - 1), config.layer_norm_eps)
        self.pooler = nn.AdaptiveAvgPool1d(1) if add_pooling_layer else None
        self.__dict__["stacks"] = block_stacks(config, "")

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(
        self, pixel_values: Tensor | None = None, *, interpolate_pos_encoding: bool = False
    ) -> MaskFormerSwinModelOutputWithPooling:
        """Args:
        pixel_values: (B, C, Y, X). interpolate_pos_encoding: with absolute positions, take images of any size too.
        """
        maps = [self.embeddings(pixel_values, None, interpolate_pos_encoding)]
        for stage in self.encoder.layers:
            maps.append(stage(maps[-1]))
        x = self.layernorm(maps[-1].flatten(1, 2))
        pooled = None if self.pooler is None else self.pooler(x.transpose(1, 2)).flatten(1)
        sizes = tuple(tuple(each.shape[1:3]) for each in maps)
        return MaskFormerSwinModelOutputWithPooling(x, pooled, hidden_states_spatial_dimensions=sizes)


class MaskFormerSwinBackbone(MaskFormerSwinPreTrainedModel, Backbone):
    """Swin whose output is the maps of the stages in `config.out_features`, before patches are joined, each through a norm."""

    base_model_prefix = ""

    def __init__(self, config: MaskFormerSwinConfig) -> None:
        super().__init__(config)
        self.model = MaskFormerSwinModel(config)
        self.__dict__["stacks"] = block_stacks(config, "model.")
        self.hidden_states_norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.channels)

    @property
    def num_features(self) -> list[int]:
        return [self.config.embed_dim, *(self.config.embed_dim * 2**stage for stage in range(len(self.config.depths)))]

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        model = self.model
        output = self.feature_maps(model.encoder.before_merging(model.embeddings(pixel_values)))
        normed = [norm(each) for norm, each in zip(self.hidden_states_norms, output.feature_maps or (), strict=True)]
        output.feature_maps = tuple(each.permute(0, 3, 1, 2).contiguous() for each in normed)
        return output
