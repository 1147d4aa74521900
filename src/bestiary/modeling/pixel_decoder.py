"""Feature maps of a backbone to those that queries look at, and to vectors of places (Cheng et al. 2022, Mask2Former).

The coarse maps look at one another by deformable attention; from the finest of them a pyramid goes up to finer ones.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.deformable_attention import DeformableAttention, MapSizes
from ..nn.grid_positions import sine_positions
from ..nn.init import Starting, normal
from ..nn.layer import Layer
from ..nn.map_points import place_points
from .stack import Stack


class PixelSizes(NamedTuple):
    """Widths of states, of the MLPs and of the vectors of places; heads, layers, the rate of dropout.

    `finer` is the number of maps finer than those that are looked at.
    """

    states: int
    inner: int
    places: int
    heads: int
    layers: int
    dropout: float
    finer: int


class PixelEncoderLayer(Layer):
    """norm(x + attention to a few places of all maps), then norm(x + mlp(x)).

    Class attribute `attention_class`: the attention.
    """

    attention_class: ClassVar[type[DeformableAttention]] = DeformableAttention
    embed_dim, activation_dropout, activation_fn = Alias("self_attn.d_model"), Alias("dropout"), Alias("act")

    def __init__(self, sizes: PixelSizes, maps: int) -> None:
        super().__init__()
        self.self_attn = self.attention_class(sizes.states, sizes.heads, [4] * maps)
        self.self_attn_layer_norm = nn.LayerNorm(sizes.states)
        self.fc1, self.fc2 = nn.Linear(sizes.states, sizes.inner), nn.Linear(sizes.inner, sizes.states)
        self.final_layer_norm = nn.LayerNorm(sizes.states)
        self.act, self.dropout = activation("relu"), sizes.dropout

    def forward(self, x: Tensor, *, positions: Tensor, points: Tensor, sizes: MapSizes) -> Tensor:
        seen = self.self_attn(x + positions, x, points, sizes)
        x = self.self_attn_layer_norm(x + self.dropped(seen))
        inner = self.fc2(self.dropped(self.act(self.fc1(x))))
        x = self.final_layer_norm(x + self.dropped(inner))
        if self.training and not x.isfinite().all():
            limit = torch.finfo(x.dtype).max - 1000
            x = x.clamp(min=-limit, max=limit)
        return x

    def dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class PixelEncoder(nn.Module):
    """The stack of layers over the places of all maps. Class attribute `layer_class`: the layer."""

    layer_class: ClassVar[type[PixelEncoderLayer]] = PixelEncoderLayer

    def __init__(self, sizes: PixelSizes, maps: int) -> None:
        super().__init__()
        self.dropout = sizes.dropout
        self.layers = nn.ModuleList(self.layer_class(sizes, maps) for _ in range(sizes.layers))

    def forward(self, x: Tensor, positions: Tensor, sizes: MapSizes) -> Tensor:
        """States (B, S, D) of maps of such sizes, and positions (1, S, D) -> (B, S, D)."""
        points = place_points(sizes, torch.ones(1, len(sizes), 2, device=x.device))[:, :, None].to(x.dtype)
        for layer in self.layers:
            x = layer(x, positions=positions, points=points, sizes=sizes)
        return x


class PixelDecoder(Starting):
    """Maps of a backbone (B, C, y, x), from fine to coarse -> vectors of places, and the `looked_at` coarsest maps.

    `maps` hands these on, which shows them.

    Class attributes: `encoder_class`; `looked_at`.
    """

    encoder_class: ClassVar[type[PixelEncoder]] = PixelEncoder
    looked_at: ClassVar[int] = 3

    def __init__(self, channels: Sequence[int], sizes: PixelSizes) -> None:
        super().__init__()
        coarse, size = list(reversed(channels[-self.looked_at :])), sizes.states
        self.input_projections = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, size, 1), nn.GroupNorm(32, size)) for width in coarse
        )
        self.encoder = self.encoder_class(sizes, len(coarse))
        self.level_embed = nn.Parameter(torch.zeros(len(coarse), size))
        self.starts = {"level_embed": normal(1.0)}
        self.mask_projection = nn.Conv2d(size, sizes.places, 1)
        self.maps = nn.ModuleList(nn.Identity() for _ in coarse)
        self.finer = sizes.finer
        for number, width in enumerate(channels[: self.finer], start=1):
            adapter = nn.Sequential(nn.Conv2d(width, size, 1, bias=False), nn.GroupNorm(32, size))
            layer = nn.Sequential(nn.Conv2d(size, size, 3, padding=1, bias=False), nn.GroupNorm(32, size), nn.ReLU())
            self.add_module(f"adapter_{number}", adapter)
            self.add_module(f"layer_{number}", layer)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """-> (B, P, Y, X), and maps (B, D, y, x) from coarse to fine."""
        maps = [project(feature) for project, feature in zip(self.input_projections, reversed(features), strict=False)]
        sizes = [(each.shape[2], each.shape[3]) for each in maps]
        x = torch.cat([each.flatten(2) for each in maps], dim=2).transpose(1, 2)
        x = self.encoder(x, self.positions(maps), sizes)
        parts = x.transpose(1, 2).split([rows * columns for rows, columns in sizes], dim=2)
        maps = [show(part.unflatten(2, size)) for show, part, size in zip(self.maps, parts, sizes, strict=True)]
        finest = maps[-1]
        for number in range(self.finer, 0, -1):
            feature = self.get_submodule(f"adapter_{number}")(features[number - 1])
            larger = F.interpolate(finest, size=feature.shape[-2:], mode="bilinear", align_corners=False)
            finest = self.get_submodule(f"layer_{number}")(feature + larger)
        return self.mask_projection(finest), maps

    def positions(self, maps: Sequence[Tensor]) -> Tensor:
        """Of all places, (1, S, D)."""
        grids = [plane_positions(each) + level for each, level in zip(maps, self.level_embed, strict=True)]
        return torch.cat(grids, dim=1)


DECODED_MAPS = {
    "pixel_decoder_": Stack("pixel_level_module.decoder.maps", states=("pixel_level_module.decoder.maps",)),
}
"""The states of the decoder are the maps that it gives."""


def plane_positions(feature: Tensor) -> Tensor:
    """Sines and cosines of the places of a map (B, D, y, x), (1, y * x, D), in its dtype."""
    real = torch.ones((1, *feature.shape[2:]), dtype=torch.bool, device=feature.device)
    return sine_positions(real, feature.shape[1]).flatten(1, 2).to(feature.dtype)
