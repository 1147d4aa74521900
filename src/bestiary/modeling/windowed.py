"""The modules of Swin and its relatives: blocks that look at windows, stages that join patches.

States are maps (B, Y, X, C).
"""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..loading.rules import Rule, rename
from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.init import Starting, constant
from ..nn.layer import Layer
from ..nn.patches import check_pixels, grid, pair, stretch
from ..nn.stochastic_depth import StochasticDepth, rising_rates
from ..nn.windows import from_windows, pair_biases, shift_mask, to_windows
from .patch_attention import PatchOutput, PatchSelfAttention
from .window_config import WindowConfig


def padded(x: Tensor, multiple: tuple[int, int]) -> Tensor:
    """(B, Y, X, C) with zeros below and to the right, up to multiples of these height and width."""
    down, across = -x.shape[1] % multiple[0], -x.shape[2] % multiple[1]
    return nn.functional.pad(x, (0, 0, 0, across, 0, down)) if down or across else x


class WindowPatchEmbeddings(nn.Module):
    """Each patch flattened and projected; an image is padded with zeros to whole patches."""

    num_channels = Alias("projection.in_channels")

    def __init__(self, config: WindowConfig) -> None:
        super().__init__()
        self.patch, self.grid = pair(config.patch_size), grid(config.image_size, config.patch_size)
        self.projection = nn.Conv2d(config.num_channels, config.embed_dim, kernel_size=self.patch, stride=self.patch)

    @property
    def num_patches(self) -> int:
        """Patches of an image of the usual size."""
        return self.grid[0] * self.grid[1]

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, y, x, D)."""
        down, across = -pixel_values.shape[2] % self.patch[0], -pixel_values.shape[3] % self.patch[1]
        pixels = nn.functional.pad(pixel_values, (0, across, 0, down)) if down or across else pixel_values
        output: Tensor = self.projection(pixels.to(self.projection.weight.dtype)).permute(0, 2, 3, 1)
        return output


class WindowEmbeddings(Starting):
    """The patches through a norm, some of them replaced by a mask token, plus learned positions where the config wants them.

    Class attribute `places_before`: how many positions of the table stand before those of patches, and are not used.
    """

    patch_size = Alias("config.patch_size")
    places_before: ClassVar[int] = 0

    def __init__(self, config: WindowConfig, use_mask_token: bool = False) -> None:
        super().__init__()
        self.config, size = config, config.embed_dim
        self.patch_embeddings = WindowPatchEmbeddings(config)
        places = self.places_before + self.patch_embeddings.num_patches
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size)) if use_mask_token else None
        self.position_embeddings = nn.Parameter(torch.zeros(1, places, size)) if config.use_absolute_embeddings else None
        self.norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        held = {"mask_token": self.mask_token, "position_embeddings": self.position_embeddings}
        self.starts = {name: constant(0.0) for name, value in held.items() if value is not None}

    def forward(
        self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None, interpolate_pos_encoding: bool = False
    ) -> Tensor:
        """(B, C, Y, X) and the masked patches (B, patches) -> (B, y, x, D)."""
        config = self.config
        is_fixed = config.use_absolute_embeddings and not interpolate_pos_encoding
        pixels = check_pixels(pixel_values, config.num_channels, 1, config.image_size if is_fixed else None)
        x = self.norm(self.patch_embeddings(pixels))
        rows, columns = x.shape[1:3]
        if bool_masked_pos is not None:
            if self.mask_token is None:
                raise InputError("bool_masked_pos needs a mask token; build the model with use_mask_token=True")
            if bool_masked_pos.shape != (len(x), rows * columns):
                raise InputError(
                    f"bool_masked_pos has shape {tuple(bool_masked_pos.shape)}; expected {(len(x), rows * columns)}"
                )
            x = torch.where(bool_masked_pos.bool().view(-1, rows, columns, 1), self.mask_token.to(x.dtype), x)
        if self.position_embeddings is not None:
            table = self.position_embeddings[0, self.places_before :]
            table = stretch(table, self.patch_embeddings.grid, (rows, columns), leading=0)
            x = x + table.view(rows, columns, -1)
        output: Tensor = self.dropout(x)
        return output


class DistanceBiases(Starting):
    """A trained bias for each head and distance in a window."""

    def __init__(self, config: WindowConfig, heads: int) -> None:
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * config.window_size - 1) ** 2, heads))
        self.starts = {"relative_position_bias_table": constant(0.0)}

    def forward(self, size: int) -> Tensor:
        """Of windows of `size` a side, (1, H, N, N)."""
        return pair_biases(self.relative_position_bias_table, size)


def bias_rules() -> tuple[Rule, ...]:
    """Rules for files, which hold the biases among the weights of the attention proper."""
    name = "relative_position_bias_table"
    return (rename(f"attention.self.{name}", f"attention.relative_position_bias.{name}"),)


class WindowAttention(nn.Module):
    """Self-attention in windows, with its output projection and biases of distances.

    Class attributes: `attention_class`, the attention proper, built as `attention_class(config, size, heads)`; `output_rate`,
    the field of the config that says how much of what it gives is dropped.

    Args:
        stage: the number of the stage that it belongs to.
    """

    attention_class: ClassVar[type[PatchSelfAttention]] = PatchSelfAttention
    output_rate: ClassVar[str] = "hidden_dropout_prob"

    def __init__(self, config: WindowConfig, stage: int) -> None:
        super().__init__()
        size, heads = config.stage_width(stage), config.num_heads[stage]
        self.self = self.attention_class(config, size, heads)
        self.output = PatchOutput(size, config, size)
        self.output.dropout.p = config.get(self.output_rate)
        self.add_biases(config, stage)

    num_attention_heads, head_dim = Alias("self.num_heads"), Alias("self.head_dim")
    scaling, attention_dropout = Alias("self.scaling"), Alias("self.attention_dropout")

    def add_biases(self, config: WindowConfig, stage: int) -> None:
        """Make what the biases of distances come from."""
        self.relative_position_bias = DistanceBiases(config, config.num_heads[stage])

    def biases(self, size: int, like: Tensor) -> Tensor:
        """Of each pair of places in a window of `size` a side, (1, H, N, N), where states `like` these are."""
        output: Tensor = self.relative_position_bias(size)
        return output

    def forward(self, windows: Tensor, size: int, mask: Tensor | None) -> Tensor:
        """Windows (B * W, N, C) of `size` a side and what is added to the scores of each (W, 1, N, N) -> (B * W, N, C)."""
        bias = self.biases(size, windows)
        if mask is not None:
            bias = (bias + mask).repeat(len(windows) // len(mask), 1, 1, 1)
        output: Tensor = self.output(self.self(windows, None, bias=bias))
        return output


class WindowLayer(Layer):
    """x + attention(norm(x)) in windows, maybe shifted, then x + mlp(norm(x)), in the order of Swin.

    Class attribute `attention_class`: built as `attention_class(config, stage)`.

    Attributes:
        keeps_window: a map no larger than a window is padded to one, whose shift stays; else it is one window, not shifted.

    Args:
        stage: the number of the stage that it belongs to. rate: how often a half is left out in training.
    """

    attention_class: ClassVar[type[WindowAttention]] = WindowAttention
    keeps_window: bool = False

    def __init__(self, config: WindowConfig, stage: int, rate: float, shifts: bool) -> None:
        super().__init__()
        size = config.stage_width(stage)
        self.window_size, self.shift_size = config.window_size, config.window_size // 2 if shifts else 0
        self.attention = self.attention_class(config, stage)
        self.layernorm_before = nn.LayerNorm(size, config.layer_norm_eps)
        self.layernorm_after = nn.LayerNorm(size, config.layer_norm_eps)
        self.intermediate = WindowIntermediate(config, size)
        self.output = PatchOutput(int(config.mlp_ratio * size), config, size)
        self.drop_path = StochasticDepth(rate)

    def window(self, height: int, width: int) -> tuple[int, int]:
        """The side of a window and the shift in a map."""
        if min(height, width) <= self.window_size and not self.keeps_window:
            return min(height, width), 0
        return self.window_size, self.shift_size

    def look(self, x: Tensor) -> Tensor:
        """Attention in the windows of a map."""
        height, width = x.shape[1:3]
        size, shift = self.window(height, width)
        x = padded(x, (size, size))
        rows, columns = x.shape[1:3]
        x = x.roll((-shift, -shift), (1, 2)) if shift else x
        mask = shift_mask(rows, columns, size, shift, x) if shift else None
        x = from_windows(self.attention(to_windows(x, size), size, mask), size, rows, columns)
        x = x.roll((shift, shift), (1, 2)) if shift else x
        return x[:, :height, :width]

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, Y, X, C)."""
        x = hidden_states + self.drop_path(self.look(self.layernorm_before(hidden_states)))
        output: Tensor = x + self.output(self.intermediate(self.layernorm_after(x)))
        return output


class WindowIntermediate(nn.Module):
    """act(W x + b), the wide half of the MLP."""

    intermediate_act_fn = Alias("act")

    def __init__(self, config: WindowConfig, size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(size, int(config.mlp_ratio * size))
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.dense(x))


class WindowMerging(nn.Module):
    """Four neighbours become one patch, twice as wide. Class attribute `norms_behind`: the norm is behind the dense layer."""

    norms_behind: ClassVar[bool] = False

    def __init__(self, size: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * size, 2 * size, bias=False)
        self.norm = nn.LayerNorm((2 if self.norms_behind else 4) * size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, Y/2, X/2, 2C), rounded up."""
        x = padded(x, (2, 2))
        x = torch.cat((x[:, ::2, ::2], x[:, 1::2, ::2], x[:, ::2, 1::2], x[:, 1::2, 1::2]), dim=-1)
        output: Tensor = self.norm(self.reduction(x)) if self.norms_behind else self.reduction(self.norm(x))
        return output


class WindowStage(nn.Module):
    """Blocks of one width; behind them, but for the last stage, patches are joined.

    Class attributes: `layer_class`, the block, and `merging_class`, what joins patches, built of their width.
    """

    layer_class: ClassVar[type[WindowLayer]] = WindowLayer
    merging_class: ClassVar[type[WindowMerging]] = WindowMerging

    def __init__(self, config: WindowConfig, stage: int, rates: list[float]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(self.layer_class(config, stage, rate, shifts=place % 2 == 1) for place, rate in enumerate(rates))
        )
        is_last = stage + 1 == len(config.depths)
        self.downsample = None if is_last else self.merging_class(config.embed_dim * 2**stage)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(x)
        return x if self.downsample is None else self.downsample(x)


class WindowEncoder(nn.Module):
    """All stages. Class attribute `stage_class`: a stage, built as `stage_class(config, stage, rates)`."""

    stage_class: ClassVar[type[WindowStage]] = WindowStage

    def __init__(self, config: WindowConfig) -> None:
        super().__init__()
        rates = iter(rising_rates(config.drop_path_rate, sum(config.depths)))
        self.layers = nn.ModuleList(
            self.stage_class(config, stage, [next(rates) for _ in range(depth)]) for stage, depth in enumerate(config.depths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, Y, X, C) -> the last stage's map."""
        for stage in self.layers:
            x = stage(x)
        return x

    def before_merging(self, x: Tensor) -> list[Tensor]:
        """The map that comes in, and each stage's before its patches are joined."""
        states, stages = [x], cast(Iterable[WindowStage], self.layers)
        for stage in stages:
            states.append(stage.blocks(x))
            x = states[-1] if stage.downsample is None else stage.downsample(states[-1])
        return states


def of_stages(config: WindowConfig, attentions: Any) -> Any:
    """Of the weights of all blocks, those of the last one of each stage."""
    if not attentions or len(attentions) != sum(config.depths):
        return attentions
    return tuple(attentions[sum(config.depths[: stage + 1]) - 1] for stage in range(len(config.depths)))
