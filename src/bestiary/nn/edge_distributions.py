"""Boxes told by distributions: how far each edge lies from where a first box has it, as shares of bins.

Peng et al. 2024 ("D-FINE: redefine regression task in DETRs as fine-grained distribution refinement"), section 4.1.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .boxes import corners_to_center


class Edges(NamedTuple):
    """What a layer tells of a batch besides `Predicted`: logits of bins `corners` (B, Q, 4 * (N + 1)), the boxes that edges
    are counted from, `first` (B, Q, 4), and what the last layer tells, of bins and classes (B, Q, C)."""

    corners: Tensor
    first: Tensor
    teacher_corners: Tensor
    teacher_logits: Tensor


def bin_values(bins: int, widest: Tensor, scale: Tensor) -> Tensor:
    """What each of `bins` + 1 places stands for, from below 0 to above, the finer the nearer to 0 (equation 6).

    Args:
        widest: (1,) times `scale` (1,) is the last but one; the outermost are twice that.
    """
    bound = widest[0].abs() * scale.abs()
    step = (bound + 1) ** (2 / (bins - 2))
    powers = step ** torch.arange(1, bins // 2, device=bound.device)
    return torch.cat((-2 * bound, 1 - powers.flip(0), torch.zeros_like(bound), powers - 1, 2 * bound))


def expected_values(logits: Tensor, values: Tensor) -> Tensor:
    """The mean (..., 4) of each edge's distribution over such bins, of logits (..., 4 * (N + 1))."""
    return F.linear(logits.unflatten(-1, (4, -1)).softmax(-1), values.to(logits.dtype)[None])[..., 0]


def moved_boxes(first: Tensor, distances: Tensor, scale: Tensor) -> Tensor:
    """Boxes (..., 4), centers, whose edges lie so far (..., 4) beyond those of the `first`, in sizes of these over `scale`."""
    unit = first[..., 2:] / scale.abs()
    beyond = 0.5 * scale.abs() + distances
    corners = torch.cat((first[..., :2] - beyond[..., :2] * unit, first[..., :2] + beyond[..., 2:] * unit), dim=-1)
    return corners_to_center(corners)


def distances_between(first: Tensor, corners: Tensor, scale: Tensor) -> Tensor:
    """How far (..., 4) the edges of boxes (corners) lie beyond those of the `first` (centers): `moved_boxes` turned round."""
    unit = first[..., 2:] / scale.abs() + 1e-16
    before, behind = (first[..., :2] - corners[..., :2]) / unit, (corners[..., 2:] - first[..., :2]) / unit
    return torch.cat((before, behind), dim=-1) - 0.5 * scale.abs()


def bins_around(distances: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Of each distance (N,) the bin below it, and the share (N,) of the bin above: their mean is the distance.

    Beyond the outermost bins it is the first, or the last but one with all of the share above.
    """
    bins = len(values) - 1
    below = (values <= distances[:, None]).sum(1) - 1
    first = below.clamp(0, bins - 1)
    left, right = (distances - values[first]).abs(), (values[first + 1] - distances).abs()
    share = torch.where(below < 0, 0.0, torch.where(below >= bins, 1.0, left / (left + right)))
    return first, share
