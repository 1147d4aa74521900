"""Positions of a grid of image features, padding left out of the count."""

import math

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError, InputError
from .relative import waves


def sine_positions(real: Tensor, size: int, longest: float = 10000.0, before: float = 0.0) -> Tensor:
    """Sines and cosines of row and column, (B, Y, X) -> (B, Y, X, size) (Carion et al. 2020; after Vaswani et al. 2017).

    The real places (True) of an image span 0..2 pi, whatever its size. The first half of the numbers tells the row, the
    second the column; in each, sine and cosine of one wavelength follow one another. Places are counted from 1 less `before`.
    """
    width = size // 2
    wavelengths = longest ** (2 * (torch.arange(width, device=real.device) // 2).float() / width)
    halves = []
    for axis in (1, 2):
        counts = real.cumsum(axis, dtype=torch.float32)
        angles = (counts - before) / (counts.narrow(axis, -1, 1) + 1e-6) * (2 * math.pi)
        angles = angles.unsqueeze(-1) / wavelengths
        halves.append(torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), dim=-1).flatten(3))
    return torch.cat(halves, dim=-1)


def point_sines(points: Tensor, size: int, longest: float = 10000.0, rows_first: bool = True) -> Tensor:
    """Sines and cosines of numbers (..., N) in 0..1 -> (..., N * size / 2), as `sine_positions` has them of places.

    With `rows_first`, of columns and rows (and widths and heights, where there are four) the second comes first.
    """
    width = size // 2
    wavelengths = longest ** (2 * (torch.arange(width, device=points.device) // 2).float() / width)
    order = [1, 0, *range(2, points.shape[-1])] if rows_first else slice(None)
    angles = (points * (2 * math.pi))[..., order].unsqueeze(-1) / wavelengths
    return torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), dim=-1).flatten(-3)


class LearnedGridPositions(nn.Module):
    """A learned vector for each column, then one for each row; it does not leave padding out."""

    def __init__(self, size: int, longest: int = 50) -> None:
        super().__init__()
        self.row_embeddings = nn.Embedding(longest, size // 2)
        self.column_embeddings = nn.Embedding(longest, size // 2)

    def forward(self, real: Tensor) -> Tensor:
        """(B, Y, X) -> (B, Y, X, size).

        Raises:
            InputError: more rows or columns than there are vectors.
        """
        rows, columns = real.shape[1:]
        if max(rows, columns) > self.row_embeddings.num_embeddings:
            raise InputError(
                f"a feature map of {rows} x {columns} is larger than the learned positions,"
                f" {self.row_embeddings.num_embeddings} a side; use smaller images"
            )
        y = self.row_embeddings(torch.arange(rows, device=real.device))[:, None].expand(-1, columns, -1)
        x = self.column_embeddings(torch.arange(columns, device=real.device)).expand(rows, -1, -1)
        return torch.cat((x, y), dim=-1).expand(len(real), -1, -1, -1)


def grid_waves(rows: int, columns: int, size: int, longest: float = 10000.0) -> Tensor:
    """Sines and cosines of column, then of row (rows * columns, size), a quarter each (He et al. 2022, MAE).

    Raises:
        ConfigError: a size that is no multiple of 4.
    """
    if size % 4:
        raise ConfigError(f"positions of a grid need a width that is a multiple of 4, not {size}")
    y, x = torch.meshgrid(torch.arange(rows).float(), torch.arange(columns).float(), indexing="ij")
    return torch.cat((*waves(x.flatten(), size // 2, longest), *waves(y.flatten(), size // 2, longest)), dim=-1)
