"""Attention that looks at a few places of feature maps of several sizes (Zhu et al. 2021, "Deformable DETR", section 4.1).

A query does not meet all keys: it names, for each head and each map, places near a point of its own, and how much each
counts. What the maps hold there, between their pixels, is mixed.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from ..core.errors import InputError
from .init import Starting, constant

MapSizes = Sequence[tuple[int, int]]
"""Rows and columns of each map."""


class DeformableAttend(nn.Module):
    """The weightless middle: the values of maps at some places, weighed and added up.

    Values lie row by row in one table, so that pixels and their shares are one weighted sum of rows of it, and no place is
    drawn from the maps before it is weighed. `cross` tells recorded cross-attention from self-attention, as in `Attend`.
    With `nearest`, a place has the value of one pixel; otherwise of the four around it (bilinear), outside of the map 0.
    """

    def __init__(self, points: Sequence[int], cross: bool = False, nearest: bool = False, by_map: bool = True) -> None:
        super().__init__()
        self.points, self.cross, self.nearest = tuple(points), cross, nearest
        self.by_map = by_map and len(set(points)) == 1

    def forward(
        self, values: Tensor, sizes: MapSizes, places: Tensor, shares: Tensor, need_weights: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Values (B, S, H, K) of all maps, one behind the other, and the places that queries look at -> (B, Q, H * K).

        Args:
            sizes: rows and columns of each map.
            places: (B, Q, H, P, 2), column and row in 0..1 of the map; P are the points of all maps, map by map.
            shares: (B, Q, H, P), what each place counts. need_weights: also give `shares`, (B, Q, H, L, P / L) with `by_map`,
                which only maps of as many points have.

        Raises:
            InputError: maps of other sizes than there are values.
        """
        batch, places_count, heads, width = values.shape
        if sum(rows * columns for rows, columns in sizes) != places_count or len(sizes) != len(self.points):
            raise InputError(
                f"there are {places_count} places of memory for {len(sizes)} maps of {list(map(tuple, sizes))} (rows,"
                f" columns); expected {len(self.points)} maps with as many places together"
            )
        rows, weights = (self._nearest if self.nearest else self._around)(sizes, places.float(), shares)
        first = torch.arange(batch, device=rows.device)[:, None, None, None] * places_count
        rows = (rows + first) * heads + torch.arange(heads, device=rows.device)[:, None]
        mixed = embedding_bag(
            rows.flatten(0, 2), values.reshape(-1, width), per_sample_weights=weights.to(values.dtype).flatten(0, 2), mode="sum"
        ).view(batch, -1, heads * width)
        if not need_weights:
            return mixed
        return mixed, shares.unflatten(-1, (len(sizes), -1)) if self.by_map else shares

    def _maps(self, sizes: MapSizes, places: Tensor) -> tuple[Tensor, Tensor]:
        """For each point the columns and rows (P, 2) of its map, and the number (P,) of the map's first place in the table."""
        starts = accumulate((rows * columns for rows, columns in sizes[:-1]), initial=0)
        facts = [(columns, rows, start) for (rows, columns), start in zip(sizes, starts, strict=True)]
        each = [fact for fact, count in zip(facts, self.points, strict=True) for _ in range(count)]
        table = torch.tensor(each, device=places.device)
        return table[:, :2], table[:, 2]

    def _around(self, sizes: MapSizes, places: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """The four pixels around each place, (B, Q, H, 4 * P), and what each counts."""
        extent, start = self._maps(sizes, places)
        exact = places * extent - 0.5  # pixel 0 lies in the middle of its square
        before = exact.floor()
        beyond = exact - before
        pixel = torch.stack((before, before + 1)).long()
        share = torch.stack((1 - beyond, beyond)) * ((pixel >= 0) & (pixel < extent))
        pixel = pixel.clamp(min=0).minimum(extent - 1)
        column, row = pixel[..., 0], pixel[..., 1] * extent[:, 0] + start
        of_column, of_row = share[..., 0], share[..., 1] * shares
        pixels = torch.cat([row[y] + column[x] for y in (0, 1) for x in (0, 1)], dim=-1)
        return pixels, torch.cat([of_row[y] * of_column[x] for y in (0, 1) for x in (0, 1)], dim=-1)

    def _nearest(self, sizes: MapSizes, places: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """The pixel that has each place, (B, Q, H, P), and what it counts; places outside have the nearest at the edge."""
        extent, start = self._maps(sizes, places)
        pixel = (places * extent + 0.5).long().clamp(min=0).minimum(extent - 1)
        return pixel[..., 1] * extent[:, 0] + pixel[..., 0] + start, shares


class DeformableAttention(Starting):
    """Deformable attention with its projections, under the published names.

    `points` are how many places each head looks at in each map. A reference point is a center (x, y) or a box (x, y, width,
    height), in 0..1: offsets are pixels of the map from a center, and of a box `offset_scale` times its size over all points.

    Class attributes:
        projects: whether memory is projected to values, and what was mixed to an output.
        by_map: whether recorded weights are told map by map, where every map has as many points.
        scale_name: the name under which files hold one over the number of points, for every point; "" where they do not.
    """

    projects: ClassVar[bool] = True
    by_map: ClassVar[bool] = True
    scale_name: ClassVar[str] = ""

    def __init__(
        self,
        size: int,
        heads: int,
        points: Sequence[int],
        *,
        cross: bool = False,
        nearest: bool = False,
        offset_scale: float = 0.5,
    ) -> None:
        super().__init__()
        count = heads * sum(points)
        self.d_model, self.n_heads, self.offset_scale = size, heads, offset_scale
        self.sampling_offsets, self.attention_weights = nn.Linear(size, 2 * count), nn.Linear(size, count)
        if self.projects:
            self.value_proj, self.output_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.attend = DeformableAttend(points, cross, nearest, self.by_map)
        if self.scale_name:
            self.register_buffer(self.scale_name, _shares(points))
        self.starts = {
            **({self.scale_name: lambda scale: scale.copy_(_shares(points))} if self.scale_name else {}),
            "sampling_offsets.weight": constant(0.0),
            "sampling_offsets.bias": lambda bias: bias.copy_(_outwards(heads, points).flatten()),
            "attention_weights.weight": constant(0.0),
            "attention_weights.bias": constant(0.0),
            **{
                f"{name}.{part}": start
                for name in ("value_proj", "output_proj")
                for part, start in (("weight", nn.init.xavier_uniform_), ("bias", constant(0.0)))
                if self.projects
            },
        }

    def forward(self, query: Tensor, memory: Tensor, reference: Tensor, sizes: MapSizes, real: Tensor | None = None) -> Tensor:
        """Queries (B, Q, D) look into memory (B, S, D) -> (B, Q, D).

        Args:
            reference: (B, Q, L, 2) or (B, Q, L, 4), of each query its point or box in each map; L may be 1.
            sizes: rows and columns of each map, whose places lie one behind the other in memory.
            real: (B, S), False where memory is padding, which counts as 0.
        """
        values = self.value_proj(memory) if self.projects else memory
        if real is not None:
            values = values.masked_fill(~real[..., None], 0.0)
        values = values.unflatten(-1, (self.n_heads, -1))
        shares = self.attention_weights(query).unflatten(-1, (self.n_heads, -1)).softmax(-1)
        places = self._places(self.sampling_offsets(query).unflatten(-1, (self.n_heads, -1, 2)), reference, sizes)
        mixed: Tensor = self.attend(values, sizes, places, shares)
        output: Tensor = self.output_proj(mixed) if self.projects else mixed
        return output

    def _places(self, offsets: Tensor, reference: Tensor, sizes: MapSizes) -> Tensor:
        """Places (B, Q, H, P, 2) in 0..1 of the maps, from such offsets."""
        maps = [number for number, count in enumerate(self.attend.points) for _ in range(count)]
        each = reference.expand(-1, -1, len(sizes), -1)[:, :, maps][:, :, None]
        if reference.shape[-1] == 2:
            return each + offsets / offsets.new_tensor([sizes[number][::-1] for number in maps])
        if reference.shape[-1] != 4:
            raise InputError(f"reference points have {reference.shape[-1]} numbers; expected 2 (a center) or 4 (a box)")
        share = offsets.new_tensor([1 / self.attend.points[number] for number in maps])[:, None]
        return each[..., :2] + offsets * share * each[..., 2:] * self.offset_scale


def _shares(points: Sequence[int]) -> Tensor:
    """One over the number of points of its map, for each of all maps."""
    return torch.tensor([1 / count for count in points for _ in range(count)])


def _outwards(heads: int, points: Sequence[int]) -> Tensor:
    """The first offsets (H, P, 2): each head looks in a direction of its own, each further point a step further."""
    angle = torch.arange(heads) * (2 * math.pi / heads)
    direction = torch.stack((angle.cos(), angle.sin()), dim=-1)
    direction = direction / direction.abs().amax(-1, keepdim=True)
    steps = torch.cat([torch.arange(1, count + 1) for count in points])
    return direction[:, None] * steps[:, None]
