"""Scores of distances in a grid, a sum of one along rows and one along columns (Li et al. 2022, "MViTv2", section 4.1)."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def along(table: Tensor, count: int) -> Tensor:
    """The vectors of the distances between each two of `count` places (count, count, K), from a table (2 S - 1, K).

    A table of another number of distances is stretched by linear interpolation.
    """
    distances = 2 * count - 1
    if len(table) != distances:
        table = interpolate(table.t()[None], size=distances, mode="linear")[0].t()
    places = torch.arange(count, device=table.device)
    return table[places[:, None] - places + count - 1]


def distance_scores(query: Tensor, rows: Tensor, columns: Tensor, grid: tuple[int, int]) -> Tensor:
    """What is added to the scores of queries (B, H, Y * X, K) for the distances of the keys, (B, H, Y * X, Y * X).

    Args:
        rows, columns: tables of the distances along each (2 Y - 1, K) and (2 X - 1, K). grid: Y and X.
    """
    places = query.unflatten(2, grid)
    down = torch.einsum("bhyxk,yvk->bhyxv", places, along(rows, grid[0]))
    across = torch.einsum("bhyxk,xuk->bhyxu", places, along(columns, grid[1]))
    return (down.unsqueeze(-1) + across.unsqueeze(-2)).flatten(4).flatten(2, 3)
