"""The image encoder of SAM: a ViT whose blocks look at windows, but for some that look at everything (Li et al. 2022, ViTDet).

States are maps (B, Y, X, C).
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.channel_norm import ChannelNorm
from ..nn.distance_scores import distance_scores
from ..nn.init import Starting, constant
from ..nn.kernels import default_scaling
from ..nn.layer import Layer
from ..nn.patches import check_pixels, grid, pair
from ..nn.windows import from_windows, to_windows
from .config import PreTrainedConfig
from .patch_embeddings import PatchEmbeddings
from .promptable_config import GlobalWindowConfig
from .windowed import padded


class MapPatches(PatchEmbeddings):
    """Each patch flattened and projected, as a map."""

    def __init__(self, config: GlobalWindowConfig) -> None:
        super().__init__(config)
        self.config = config

    def forward(self, pixel_values: Tensor | None) -> Tensor:
        """(B, C, Y, X) -> (B, y, x, D)."""
        config = self.config
        pixels = check_pixels(pixel_values, config.num_channels, config.patch_size, config.image_size)
        output: Tensor = super().forward(pixels).unflatten(1, grid(pixels.shape[-2:], config.patch_size))
        return output


class MapAttention(HasHeads, Starting):
    """Self-attention over the places of a map, or of each window of one, with trained distances.

    Args:
        sides: rows and columns of what it looks at, a window or the whole map; None for no distances.
    """

    query_name = "qkv"
    scale: Any = None

    def __init__(self, config: PreTrainedConfig, sides: tuple[int, int] | None) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.head_dim, self.use_rel_pos = size // config.get("num_attention_heads"), sides is not None
        self.qkv = nn.Linear(size, 3 * size, bias=config.get("qkv_bias"))
        self.proj = nn.Linear(size, size)
        self.scale = default_scaling(self.head_dim)
        # Queries are scaled before they meet keys, as published, which half precision shows.
        self.attend = Attend(1.0, config.get("attention_dropout", 0.0))
        if sides is not None:
            self.rel_pos_h, self.rel_pos_w = (nn.Parameter(torch.zeros(2 * side - 1, self.head_dim)) for side in sides)
            self.starts = {"rel_pos_h": constant(0.0), "rel_pos_w": constant(0.0)}

    @property
    def sizes(self) -> tuple[int, int]:
        return self.proj.in_features, self.qkv.in_features

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> the same shape."""
        shape = hidden_states.shape
        query, key, value = (
            split_heads(each, self.head_dim) for each in self.qkv(hidden_states.flatten(1, 2)).chunk(3, dim=-1)
        )
        bias = None
        if self.use_rel_pos:
            bias = distance_scores(query, self.rel_pos_h, self.rel_pos_w, (shape[1], shape[2]))
        output: Tensor = self.proj(merge_heads(self.attend(query * self.scale, key, value, None, bias)))
        return output.view(shape)


def in_windows(attention: nn.Module, x: Tensor, side: int) -> Tensor:
    """What `attention` makes of the windows of `side` (0: of all) of a map (B, Y, X, C), padded with zeros to whole windows."""
    if not side:
        output: Tensor = attention(x)
        return output
    height, width = x.shape[1:3]
    x = padded(x, (side, side))
    windows = attention(to_windows(x, side).unflatten(1, (side, side)))
    return from_windows(windows.flatten(1, 2), side, *x.shape[1:3])[:, :height, :width]


class DenseBlock(nn.Module):
    """lin2(act(lin1(x)))."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.lin1 = nn.Linear(config.hidden_size, config.mlp_dim)
        self.lin2 = nn.Linear(config.mlp_dim, config.hidden_size)
        self.act = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.lin2(self.act(self.lin1(hidden_states)))
        return output


class GlobalWindowLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); attention sees windows of `window` patches a side, 0 for the whole map."""

    def __init__(self, config: GlobalWindowConfig, window: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        sides = (window, window) if window else grid(config.image_size, config.patch_size)
        self.attn = MapAttention(config, sides if config.use_rel_pos else None)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = DenseBlock(config)
        self.window_size = window

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> the same shape."""
        x = hidden_states + in_windows(self.attn, self.layer_norm1(hidden_states), self.window_size)
        output: Tensor = x + self.mlp(self.layer_norm2(x))
        return output


class MapNeck(nn.Module):
    """What brings the states of the last block to the width of the maps: two convolutions, a norm behind each."""

    def __init__(self, config: GlobalWindowConfig) -> None:
        super().__init__()
        width = config.output_channels
        self.conv1 = nn.Conv2d(config.hidden_size, width, kernel_size=1, bias=False)
        self.layer_norm1 = ChannelNorm(width, 1e-6)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.layer_norm2 = ChannelNorm(width, 1e-6)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, output_channels, Y, X)."""
        x = self.layer_norm1(self.conv1(hidden_states.permute(0, 3, 1, 2)))
        output: Tensor = self.layer_norm2(self.conv2(x))
        return output


class GlobalWindowParts(Starting):
    """The parts of the encoder, as a base of models. Class attribute `layer_class`: the block."""

    layer_class: ClassVar[type[GlobalWindowLayer]] = GlobalWindowLayer

    def build(self, config: GlobalWindowConfig) -> None:
        """Add the parts."""
        rows, columns = grid(config.image_size, config.patch_size)
        self.image_size = pair(config.image_size)[0]
        self.patch_embed = MapPatches(config)
        self.pos_embed = None
        if config.use_abs_pos:
            self.pos_embed = nn.Parameter(torch.zeros(1, rows, columns, config.hidden_size))
            self.starts = {"pos_embed": constant(0.0)}
        windows = (
            0 if number in config.global_attn_indexes else config.window_size for number in range(config.num_hidden_layers)
        )
        self.layers = nn.ModuleList(self.layer_class(config, window) for window in windows)
        self.neck = MapNeck(config)

    def encode(self, pixel_values: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Images (B, C, Y, X) -> maps (B, output_channels, y, x), and the states (B, y, x, D) of the blocks that see all."""
        x = self.patch_embed(pixel_values)
        if self.pos_embed is not None:
            x = x + self.pos_embed
        seeing_all = []
        for layer in self.layers:
            x = layer(x)
            if not layer.window_size:
                seeing_all.append(x)
        return self.neck(x), seeing_all
