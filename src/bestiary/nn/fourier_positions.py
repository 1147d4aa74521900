"""Places as sines and cosines of random frequencies (Tancik et al. 2020, "Fourier features let networks learn")."""

import math

import torch
from torch import Tensor, nn

from .init import Starting, normal


class FourierPositions(Starting):
    """Vectors of places in an image; the frequencies, drawn once, are stored with the model.

    Args:
        features: frequencies, half the width of a vector. scale: their standard deviation. trains: whether they are a
            parameter, or a stored buffer.
    """

    positional_embedding: Tensor

    def __init__(self, features: int, scale: float, trains: bool = True) -> None:
        super().__init__()
        self.scale = scale
        table = scale * torch.randn(2, features)
        if trains:
            self.positional_embedding = nn.Parameter(table)
        else:
            self.register_buffer("positional_embedding", table)
        self.starts = {"positional_embedding": normal(scale)}

    def forward(self, input_coords: Tensor, input_shape: tuple[int, int] | None = None) -> Tensor:
        """Places (..., 2), across and down, as shares of the image, or in pixels of one of this height and width
        -> (..., 2 * features)."""
        table = self.positional_embedding
        if input_shape is not None:
            input_coords = input_coords / input_coords.new_tensor((input_shape[1], input_shape[0]))
        angles = 2 * math.pi * ((2 * input_coords - 1).to(table.dtype) @ table)
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


def grid_centers(rows: int, columns: int, device: torch.device) -> Tensor:
    """The centers of the places of a grid, across and down, as shares of it (rows, columns, 2)."""
    down, across = ((torch.arange(count, device=device) + 0.5) / count for count in (rows, columns))
    return torch.stack((across.expand(rows, -1), down[:, None].expand(-1, columns)), dim=-1)
