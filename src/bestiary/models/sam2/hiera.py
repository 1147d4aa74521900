"""SAM 2's backbone, a Hiera (Ryali et al. 2023) whose blocks look at windows. Parameter names are the published ones.

States are maps (B, Y, X, C).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.mask_decoder import MaskMLP
from ...modeling.recording import Stack
from ...modeling.windowed import padded
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.init import constant
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.patches import check_pixels, pair
from ...nn.windows import from_windows, to_windows
from . import Sam2Config, Sam2HieraDetConfig

# What checkpoints of sam2_video hold besides.
OF_FILMS = (
    r"^memory_.*",
    r"^mask_downsample.*",
    r"^object_pointer_proj.*",
    r"^temporal_positional_encoding_projection_layer.*",
    "no_memory_positional_encoding",
    "no_object_pointer",
    "occlusion_spatial_embedding_parameter",
)


@dataclass
class Sam2HieraDetModelOutput(ModelOutput):
    """`last_hidden_state` (B, Y, X, C); `intermediate_hidden_states` and hidden states are maps (B, Y, X, C) too, those behind
    each stage and each block; `attentions` are, as published, what the attention of each block gives."""

    last_hidden_state: Tensor = ALWAYS
    intermediate_hidden_states: Tensors | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


def pooled(x: Tensor, stride: tuple[int, int] | None) -> Tensor:
    """The largest numbers of each `stride` rows and columns of (B, Y, X, C), (B, y, x, C); None leaves it as it is."""
    if stride is None:
        return x
    return nn.functional.max_pool2d(x.permute(0, 3, 1, 2), stride, stride).permute(0, 2, 3, 1)


class Sam2PatchEmbeddings(nn.Module):
    """Overlapping patches, projected."""

    def __init__(self, config: Sam2HieraDetConfig) -> None:
        super().__init__()
        self.channels, self.kernel = config.num_channels, pair(config.patch_kernel_size or 0)
        self.projection = nn.Conv2d(
            config.num_channels,
            config.hidden_size,
            kernel_size=self.kernel,
            stride=pair(config.patch_stride or 0),
            padding=pair(config.patch_padding or 0),
        )

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, y, x, D)."""
        pixels = check_pixels(pixel_values, self.channels, 1, None)
        output: Tensor = self.projection(pixels.to(self.projection.weight.dtype)).permute(0, 2, 3, 1)
        return output


class Sam2MultiScaleAttention(HasHeads):
    """Self-attention over maps, `inner` wide before and `outer` wide behind it; the queries may be pooled by a `stride`."""

    query_name = "qkv"

    def __init__(self, inner: int, outer: int, heads: int, stride: tuple[int, int] | None) -> None:
        super().__init__()
        self.head_dim, self.stride = outer // heads, stride
        self.qkv, self.proj = nn.Linear(inner, 3 * outer), nn.Linear(outer, outer)
        self.attend = Attend(default_scaling(self.head_dim))

    @property
    def sizes(self) -> tuple[int, int]:
        return self.proj.in_features, self.qkv.in_features

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, y, x, D)."""
        query, key, value = self.qkv(hidden_states).chunk(3, dim=-1)
        query = pooled(query, self.stride)
        heads = (split_heads(each.flatten(1, 2), self.head_dim) for each in (query, key, value))
        output: Tensor = self.proj(merge_heads(self.attend(*heads))).unflatten(1, query.shape[1:3])
        return output


class Sam2MultiScaleBlock(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); attention sees windows, or the whole map.

    The first block of a stage widens the states, has the windows of the stage before, and may pool the map.

    Args:
        stage: the number of its stage. first: whether it is the first there. number: its place among all blocks.
    """

    def __init__(self, config: Sam2HieraDetConfig, stage: int, first: bool, number: int) -> None:
        super().__init__()
        before = stage - 1 if first and stage else stage
        widths, windows = config.embed_dim_per_stage or (), config.window_size_per_stage or ()
        inner, outer = widths[before], widths[stage]
        pools = first and 0 < stage <= config.num_query_pool_stages
        self.window_size = 0 if number in (config.global_attention_blocks or ()) else windows[before]
        self.query_stride = pair(config.query_stride or 1) if pools else None
        self.layer_norm1 = nn.LayerNorm(inner, config.layer_norm_eps)
        self.attn = Sam2MultiScaleAttention(
            inner, outer, (config.num_attention_heads_per_stage or ())[stage], self.query_stride
        )
        self.layer_norm2 = nn.LayerNorm(outer, config.layer_norm_eps)
        self.mlp = MaskMLP(outer, int(outer * config.mlp_ratio), outer, 2, config.hidden_act)
        self.proj = nn.Linear(inner, outer) if inner != outer else None

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, y, x, D)."""
        x = self.layer_norm1(hidden_states)
        kept = hidden_states if self.proj is None else pooled(self.proj(x), self.query_stride)
        x = kept + self.look(x, kept.shape[1:3])
        output: Tensor = x + self.mlp(self.layer_norm2(x))
        return output

    def look(self, x: Tensor, shape: torch.Size) -> Tensor:
        """Attention over (B, Y, X, C), a map padded with zeros to whole windows -> (B, *shape, D)."""
        side = self.window_size
        if not side:
            output: Tensor = self.attn(x)
            return output
        x = padded(x, (side, side))
        across = x.shape[2] // side, x.shape[1] // side
        windows = self.attn(to_windows(x, side).unflatten(1, (side, side)))
        side = windows.shape[1]
        x = from_windows(windows.flatten(1, 2), side, across[1] * side, across[0] * side)
        return x[:, : shape[0], : shape[1]]


class Sam2PreTrainedModel(PreTrainedModel):
    """What all SAM 2 classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = Sam2Config
    base_model_prefix = "sam2"
    main_input_name = "pixel_values"
    _keys_to_ignore_on_load_unexpected = [*PreTrainedModel._keys_to_ignore_on_load_unexpected, *OF_FILMS]
    _no_split_modules = ["Sam2MultiScaleBlock"]


class Sam2HieraDetModel(Sam2PreTrainedModel):
    """The backbone."""

    config_class = Sam2HieraDetConfig
    stacks = {"": Stack("blocks", told="attn")}
    config: Sam2HieraDetConfig

    def __init__(self, config: Sam2HieraDetConfig) -> None:
        super().__init__(config)
        size, windows = config.hidden_size, config.window_size_per_stage or ()
        self.patch_embed = Sam2PatchEmbeddings(config)
        background = pair(config.window_positional_embedding_background_size or 1)
        self.pos_embed = nn.Parameter(torch.zeros(1, size, *background))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, size, windows[0], windows[0]))
        self.starts = {"pos_embed": constant(0.0), "pos_embed_window": constant(0.0)}
        self.blocks = nn.ModuleList()
        self.stage_ends: list[int] = []
        for stage, depth in enumerate(config.blocks_per_stage or ()):
            for place in range(depth):
                self.blocks.append(Sam2MultiScaleBlock(config, stage, not place, len(self.blocks)))
            self.stage_ends.append(len(self.blocks) - 1)

    def get_input_embeddings(self) -> nn.Module:
        return self.patch_embed

    def positions(self, rows: int, columns: int) -> Tensor:
        """Of the places of a map (1, rows, columns, D): coarse ones stretched, and those of a window repeated."""
        coarse = nn.functional.interpolate(self.pos_embed, size=(rows, columns), mode="bicubic")
        side = self.pos_embed_window.shape[-1]
        tiled = self.pos_embed_window.tile(1, 1, -(-rows // side), -(-columns // side))
        return (coarse + tiled[:, :, :rows, :columns]).permute(0, 2, 3, 1)

    def forward(self, pixel_values: Tensor | None = None) -> Sam2HieraDetModelOutput:
        """pixel_values: (B, C, Y, X)."""
        x = self.patch_embed(pixel_values)
        x = x + self.positions(x.shape[1], x.shape[2])
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.stage_ends:
                maps.append(x)
        return Sam2HieraDetModelOutput(last_hidden_state=x, intermediate_hidden_states=tuple(maps))
