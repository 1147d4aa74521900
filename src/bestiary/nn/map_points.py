"""Points and boxes of the places of feature maps, which deformable attention starts from (Zhu et al. 2021, appendix A.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .deformable_attention import MapSizes


def real_shares(real: Sequence[Tensor]) -> Tensor:
    """The share of columns and of rows that is no padding, (B, L, 2), of masks (B, y, x) of L maps, True where real."""
    shares = [torch.stack((mask[:, 0].float().mean(-1), mask[:, :, 0].float().mean(-1)), dim=-1) for mask in real]
    return torch.stack(shares, dim=1)


def place_points(sizes: MapSizes, shares: Tensor) -> Tensor:
    """The middle (x, y) of each place of all maps, in 0..1 of what is real of its map: (B, S, 2)."""
    points = []
    for number, (rows, columns) in enumerate(sizes):
        y, x = (torch.arange(count, device=shares.device, dtype=shares.dtype) + 0.5 for count in (rows, columns))
        grid = torch.stack(torch.meshgrid(x / columns, y / rows, indexing="xy"), dim=-1).flatten(0, 1)
        points.append(grid / shares[:, None, number])
    return torch.cat(points, dim=1)


def place_boxes(
    sizes: MapSizes, shares: Tensor, real: Tensor, smallest: float = 0.05, beyond: float = torch.inf
) -> tuple[Tensor, Tensor]:
    """A box around each place, (B, S, 4), as numbers whose sigmoid it is, and which of them are real and inside, (B, S).

    Its sides are `smallest` in the first map and twice as long in each further one. Boxes that do not count are `beyond`.
    """
    centers = place_points(sizes, shares)
    sides = [smallest * 2**number for number, (rows, columns) in enumerate(sizes) for _ in range(rows * columns)]
    side = centers.new_tensor(sides)[None, :, None].expand(len(centers), -1, 2)
    boxes = torch.cat((centers, side), dim=-1)
    inside = ((boxes > 0.01) & (boxes < 0.99)).all(-1) & real
    return (boxes / (1 - boxes)).log().masked_fill(~inside[..., None], beyond), inside
