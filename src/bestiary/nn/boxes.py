"""Boxes (..., 4) of images, and how much they overlap.

Two forms: corners (left, top, right, bottom), and centers (x, y, width, height).
"""

import torch
from torch import Tensor


def center_to_corners(boxes: Tensor) -> Tensor:
    """(x, y, width, height) -> (left, top, right, bottom)."""
    center, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((center - half, center + half), dim=-1)


def corners_to_center(boxes: Tensor) -> Tensor:
    """(left, top, right, bottom) -> (x, y, width, height)."""
    first, last = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((first + last) / 2, last - first), dim=-1)


def inverse_sigmoid(share: Tensor, least: float = 1e-5) -> Tensor:
    """Numbers whose sigmoid these shares in 0..1 are; what lies below `least`, or above 1 less that, counts as that."""
    share = share.clamp(0, 1)
    return (share.clamp(min=least) / (1 - share).clamp(min=least)).log()


def area(corners: Tensor) -> Tensor:
    """(..., 4) -> (...)."""
    return (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])


def iou(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Area of the intersection over that of the union, and the latter, of corners that broadcast, (..., 4) -> (...)."""
    inner = (torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])).clamp(min=0)
    both = inner[..., 0] * inner[..., 1]
    union = area(first) + area(second) - both
    return both / union, union


def generalized_iou(first: Tensor, second: Tensor) -> Tensor:
    """IoU less the share of the smallest box around both that neither covers (Rezatofighi et al. 2019); in -1..1."""
    overlap, union = iou(first, second)
    around = area(
        torch.cat((torch.minimum(first[..., :2], second[..., :2]), torch.maximum(first[..., 2:], second[..., 2:])), dim=-1)
    )
    return overlap - (around - union) / around


def pairwise_generalized_iou(first: Tensor, second: Tensor) -> Tensor:
    """Corners (N, 4) and (M, 4) -> (N, M)."""
    return generalized_iou(first[:, None], second[None])
