"""Parts of an image that overlap, and points spread evenly over each (Kirillov et al. 2023, appendix B, "cropping")."""

import math
from typing import NamedTuple

import numpy as np

from ...core.errors import InputError


class Crop(NamedTuple):
    """A part of an image: left, top, right and bottom in its pixels, and points (N, 2) in it, as shares of its edges."""

    box: tuple[int, int, int, int]
    points: np.ndarray


def point_grid(side: int) -> np.ndarray:
    """`side` times `side` points (N, 2), across and down, as shares of a square, each in the middle of its part."""
    places = np.linspace(0.5 / side, 1 - 0.5 / side, side)
    return np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)


def crops_of(height: int, width: int, layers: int, overlap: float, side: int, shrink: int) -> list[Crop]:
    """The whole image, then for each layer its parts, 2, 4, ... a side, column by column.

    Args:
        overlap: of the parts of the first layer, as a share of the shorter edge; half as much in each next one.
        side: points a side in the whole image; `shrink` times fewer in each next layer.

    Raises:
        InputError: a layer without points.
    """
    crops = [Crop((0, 0, width, height), point_grid(side))]
    for layer in range(1, layers + 1):
        parts, points = 2**layer, int(side / shrink**layer)
        if points < 1:
            raise InputError(
                f"layer {layer} of the crops has no points: points_per_crop is {side}, crop_n_points_downscale_factor {shrink}"
            )
        shared = int(overlap * min(height, width) * (2 / parts))
        high, wide = (math.ceil((shared * (parts - 1) + edge) / parts) for edge in (height, width))
        grid = point_grid(points)
        for column in range(parts):
            for row in range(parts):
                left, top = (wide - shared) * column, (high - shared) * row
                crops.append(Crop((left, top, min(left + wide, width), min(top + high, height)), grid))
    return crops
