"""Integers for numbers: a scale and a zero for each group of columns."""

from typing import NamedTuple

import torch
from torch import Tensor


class Grid(NamedTuple):
    """number = (code - zero) * scale, with codes from 0 to 2^bits - 1.

    scales, float32, each a number of fp16; zeros, float32 whole numbers: both (N, G).
    """

    scales: Tensor
    zeros: Tensor
    bits: int

    def codes(self, weight: Tensor, groups: Tensor) -> Tensor:
        """The nearest codes of W (N, K), uint8; groups (K,): the group of each column."""
        scaled = (weight.float() / self.scales[:, groups]).round_().add_(self.zeros[:, groups])
        return scaled.clamp_(0, 2**self.bits - 1).to(torch.uint8)


def group_of_columns(columns: int, size: int) -> Tensor:
    """(columns,): the group of each, where `size` neighbours are one, or all are (-1); the last may be shorter."""
    return torch.arange(columns) // (columns if size == -1 else size)


def grid_of(weight: Tensor, size: int, bits: int, sym: bool) -> Grid:
    """The grid from the least to the largest number of each group of neighbouring columns of W (N, K)."""
    size = weight.shape[1] if size == -1 else size
    grids = [grid_of_group(group, bits, sym) for group in weight.float().split(size, dim=1)]
    return Grid(torch.stack([each.scales for each in grids], 1), torch.stack([each.zeros for each in grids], 1), bits)


def grid_of_group(weight: Tensor, bits: int, sym: bool) -> Grid:
    """The grid of columns (N, k) of one group; its scales and zeros are (N,).

    sym: zero is 2^(bits - 1), and the range is as far below it as above.
    """
    low, high = weight.amin(1).clamp(max=0), weight.amax(1).clamp(min=0)
    if sym:
        high = torch.maximum(-low, high)
        low = -high
    empty = high == low
    low, high = low.masked_fill(empty, -1.0), high.masked_fill(empty, 1.0)
    least, most = 2.0**-24, torch.finfo(torch.float16).max
    scales = ((high - low) / (2**bits - 1)).clamp(least, most).half().float()
    zeros = torch.full_like(scales, 2 ** (bits - 1)) if sym else (-low / scales).round_().clamp_(0, 2**bits - 1)
    return Grid(scales, zeros, bits)
