"""Queries that start from real objects with noise, so that a decoder learns to tell near boxes from nearest ones.

Zhang et al. 2022 ("DINO: DETR with improved denoising anchor boxes"), section 3.3. Each group has all objects of an image
twice, with little noise (to be told as they are) and with more (to be told as nothing). No group sees another, and the
queries that are learned see none.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .boxes import center_to_corners, corners_to_center, inverse_sigmoid
from .detection import Match, Real


class Denoising(NamedTuple):
    """What decoders start from: `classes` (B, Z), one more than there are where a row has fewer objects, and `boxes`
    (B, Z, 4) as numbers whose sigmoids they are. `positives` are of each image the queries with little noise (G * M,), group
    by group, in each of the `groups` object by object; `sees` (Z + Q, Z + Q) is True where a query may look."""

    classes: Tensor
    boxes: Tensor
    positives: tuple[Tensor, ...]
    groups: int
    sees: Tensor

    @property
    def told(self) -> dict[str, Any]:
        """What losses are told of it, under the published names."""
        count = self.classes.shape[1]
        return {
            "dn_positive_idx": self.positives,
            "dn_num_group": self.groups,
            "dn_num_split": [count, len(self.sees) - count],
        }


def denoising_queries(
    real: Sequence[Real], classes: int, queries: int, count: int, label_noise: float, box_noise: float
) -> Denoising | None:
    """About `count` queries of the `real` objects of a batch, beside so many learned `queries`; None where it has no object.

    Args:
        classes: how many there are. label_noise: half of it is the share of classes drawn anew. box_noise: how far corners
            move at most, in halves of a box, with little noise; with more, once to twice as far.
    """
    most = max((len(image.classes) for image in real), default=0)
    if count <= 0 or most == 0:
        return None
    groups, device = max(1, count // most), real[0].boxes.device
    labels = torch.full((len(real), most), classes, dtype=torch.int32, device=device)
    boxes = torch.zeros(len(real), most, 4, device=device)
    for row, image in enumerate(real):
        labels[row, : len(image.classes)], boxes[row, : len(image.classes)] = image.classes.int(), image.boxes
    labels, boxes = labels.tile(1, 2 * groups), boxes.tile(1, 2 * groups, 1)
    much = torch.arange(2 * groups * most, device=device) // most % 2 == 1
    known = labels != classes
    if label_noise > 0:
        drawn = torch.rand(labels.shape, device=device) < label_noise / 2
        labels = torch.where(drawn & known, torch.randint_like(labels, 0, classes), labels)
    if box_noise > 0:
        half = boxes[..., 2:].tile(1, 1, 2) / 2 * box_noise
        sign = torch.randint_like(boxes, 0, 2) * 2 - 1
        share = (torch.rand_like(boxes) + much[:, None]) * sign
        boxes = inverse_sigmoid(corners_to_center((center_to_corners(boxes) + share * half).clamp(0, 1)))
    own = torch.arange(2 * groups * most, device=device) // (2 * most)
    group = torch.cat((own, torch.full((queries,), -1, device=device)))
    positives = tuple(row.nonzero()[:, 0] for row in known & ~much)
    return Denoising(labels, boxes, positives, groups, (group[:, None] == group) | (group == -1))


def denoising_matches(told: dict[str, Any], real: Sequence[Real]) -> list[Match]:
    """The objects of queries as they were made, of what `Denoising.told` says."""
    groups, positives = told["dn_num_group"], told["dn_positive_idx"]
    counts = [len(image.classes) for image in real]
    objects = [torch.arange(count, device=each.device).tile(groups) for count, each in zip(counts, positives, strict=True)]
    return list(zip(positives, objects, strict=True))
