"""Windows of feature maps (Liu et al. 2021, "Swin Transformer"): cut, put together, what looks at what where they shift."""

import torch
from torch import Tensor


def to_windows(x: Tensor, size: int) -> Tensor:
    """(B, Y, X, C) -> (B * windows, size * size, C); Y and X are multiples of `size`."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // size, size, width // size, size, channels).transpose(2, 3)
    return x.reshape(-1, size * size, channels)


def from_windows(windows: Tensor, size: int, height: int, width: int) -> Tensor:
    """(B * windows, size * size, C) -> (B, Y, X, C), the inverse of `to_windows`."""
    channels = windows.shape[-1]
    x = windows.reshape(-1, height // size, width // size, size, size, channels).transpose(2, 3)
    return x.reshape(-1, height, width, channels)


def shift_mask(height: int, width: int, size: int, shift: int, like: Tensor) -> Tensor:
    """What is added to the scores in each window of a map that was rolled by `shift`, (windows, 1, N, N).

    It is -100 between places that were not neighbours before, as published, and 0 between others.
    """

    def parts(length: int) -> Tensor:
        places = torch.arange(length, device=like.device)
        return (places >= length - size).long() + (places >= length - shift).long()

    regions = 3 * parts(height)[:, None] + parts(width)
    inside = to_windows(regions[None, :, :, None], size).squeeze(-1)
    apart = inside[:, None, :, None] != inside[:, None, None, :]
    return apart.to(like.dtype) * -100.0


def pair_biases(table: Tensor, size: int) -> Tensor:
    """The bias of each pair of places of a window of `size` a side (1, H, N, N), from a table with one for each distance.

    Args:
        table: ((2 S - 1)^2, H), row by row, of windows of S a side; smaller ones use its middle.
    """
    edge = round(len(table) ** 0.5)
    first, count = (edge + 1) // 2 - size, 2 * size - 1
    return grid_biases(table.view(edge, edge, -1)[first : first + count, first : first + count])[None]


def grid_biases(table: Tensor) -> Tensor:
    """The bias of each pair of places of a grid (H, Y * X, Y * X), from a table with one for each distance.

    Args:
        table: (2 Y - 1, 2 X - 1, H).
    """
    rows, columns = (table.shape[0] + 1) // 2, (table.shape[1] + 1) // 2
    # At [y, x, :, v, u] stands the distance (y + v, x + u): turned round, that of the places (y, x) and (v, u).
    pairs = table.unfold(0, rows, 1).unfold(1, columns, 1).flip(3, 4)
    return pairs.permute(2, 0, 1, 3, 4).reshape(-1, rows * columns, rows * columns)
