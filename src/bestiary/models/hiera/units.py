"""Units of patches, the order in which Hiera holds them.

States are (B, P, Y, X, D): units in their grid of Y x X, each with its P places. The places are in such an order that the first
of `stride` equal parts, the second one, ... are those that pooling makes one of.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from ...core.errors import InputError


def to_units(x: Tensor, stride: Sequence[int], levels: int) -> Tensor:
    """A map (B, Y, X, D) of patches as units of stride^levels, (B, P, Y / stride^levels, X / stride^levels, D).

    Raises:
        InputError: the map is no whole number of units.
    """
    sides = [step**levels for step in stride]
    if x.shape[1] % sides[0] or x.shape[2] % sides[1]:
        raise InputError(
            f"an image of {x.shape[1]} x {x.shape[2]} patches (patch_stride pixels each) is no whole number of units of"
            f" {sides[0]} x {sides[1]}; resize it with the model's image processor"
        )
    across = (x.shape[2] // sides[1], *(stride[1],) * levels)
    x = x.unflatten(2, across).unflatten(1, (x.shape[1] // sides[0], *(stride[0],) * levels))
    # Axes: batch, unit's row, places in it from coarse to fine, unit's column, places from coarse to fine, channels.
    row, column = 1, levels + 2
    fine_first = [axis for level in range(levels, 0, -1) for axis in (row + level, column + level)]
    x = x.permute(0, *fine_first, row, column, x.dim() - 1)
    return x.flatten(1, 2 * levels) if levels else x.unsqueeze(1)


def from_units(x: Tensor, stride: Sequence[int], levels: int) -> Tensor:
    """(B, stride^levels, Y, X, D) -> the map (B, Y stride^levels, X stride^levels, D): the inverse of `to_units`."""
    rows, columns = x.shape[2:4]
    x = x.unflatten(1, (*stride,) * levels) if levels else x.squeeze(1)
    fine_first = list(range(1, 2 * levels + 1))
    row, column = 2 * levels + 1, 2 * levels + 2
    x = x.permute(0, row, *fine_first[-2::-2], column, *fine_first[-1::-2], x.dim() - 1)
    return x.reshape(len(x), rows * stride[0] ** levels, columns * stride[1] ** levels, -1)


def kept_units(x: Tensor, kept: Tensor, area: int) -> Tensor:
    """The units of (B, P, Y, X, D) that are True in `kept` (B, units), as (B, area, N, 1, D)."""
    tokens = x.flatten(1, 3).unflatten(1, (area, -1)).transpose(1, 2)
    units: Tensor = tokens[kept].unflatten(0, (len(x), -1))
    return units.transpose(1, 2).unsqueeze(3)


def pooled(x: Tensor, stride: Sequence[int]) -> Tensor:
    """(B, P * Y * X, D) -> (B, P / stride * Y * X, D), of places that become one the largest number of each channel."""
    output: Tensor = x.unflatten(1, (math.prod(stride), -1)).max(dim=1).values
    return output
