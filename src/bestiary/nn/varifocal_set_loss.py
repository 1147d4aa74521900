"""The set loss whose classes are told as surely as boxes lie well (Zhang et al. 2021, "VarifocalNet", section 3.2).

Lv et al. 2023 ("DETRs beat YOLOs on real-time object detection"), section 4.3: the truth of a matched query is the overlap of
its box with the object's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .boxes import center_to_corners, generalized_iou, iou
from .denoising import denoising_matches
from .detection import Match, Predicted, Real, classes_of, object_count, read_labels
from .edge_distributions import Edges
from .focal_set_loss import FocalSetLoss

Told = tuple[Predicted, Edges | None]  # what a layer tells of a batch


@dataclass(frozen=True)
class VarifocalSetLoss(FocalSetLoss):
    """`FocalSetLoss` whose losses are called `loss_vfl`, `loss_bbox` and `loss_giou`, each of them weighted by itself."""

    class_weight: float = 1.0

    def over(
        self, layers: dict[str, Told], labels: Any, denoised: dict[str, Told] | None = None, made: Any = None
    ) -> dict[str, Tensor]:
        """The weighted losses of what layers tell, their names ending with those of the layers.

        Args:
            layers: end of names -> told; the one called "" is the last. labels: as `SetLoss.__call__` has them.
            denoised: the same of queries that `denoising.py` made of the objects; made: what it tells of them.
        """
        last = layers[""][0]
        losses: dict[str, Tensor] = {}
        real = read_labels(labels, last, classes=self.class_count(last.logits))
        count = object_count(real)
        for end, (predicted, edges) in layers.items():
            losses |= self.named(self.of(predicted, real, self.match(predicted, real), count, edges), end)
        if denoised:
            matches, count = denoising_matches(made, real), count * made["dn_num_group"]
            for end, (predicted, edges) in denoised.items():
                losses |= self.named(self.of(predicted, real, matches, count, edges), end)
        return losses

    def named(self, losses: dict[str, Tensor], end: str) -> dict[str, Tensor]:
        """Losses as often as they count, their names with such an `end`."""
        weights = {"loss_vfl": self.class_weight, "loss_bbox": self.bbox_weight, "loss_giou": self.giou_weight}
        return {name + end: value * weights[name] for name, value in losses.items()}

    def of(
        self,
        predicted: Predicted,
        real: Sequence[Real],
        matches: Sequence[Match],
        count: int,
        edges: Edges | None = None,
    ) -> dict[str, Tensor]:
        """The losses of what one layer tells, of so many objects."""
        logits, boxes = predicted.logits, predicted.boxes
        mine = torch.cat([boxes[row, queries] for row, (queries, _) in enumerate(matches)])
        theirs = torch.cat([real[row].boxes[objects] for row, (_, objects) in enumerate(matches)])
        corners = center_to_corners(mine), center_to_corners(theirs)
        known, none = logits.new_zeros(logits.shape[:2]), logits.shape[-1]
        rows = torch.cat([torch.full_like(queries, row) for row, (queries, _) in enumerate(matches)])
        known[rows, torch.cat([queries for queries, _ in matches])] = iou(*corners)[0].detach().to(logits.dtype)
        truth = F.one_hot(classes_of(logits, real, matches, none), none + 1)[..., :-1].to(logits.dtype)
        target = truth * known[..., None]
        weight = self.alpha * logits.detach().sigmoid() ** self.gamma * (1 - truth) + target
        surprise = F.binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum")
        return {
            "loss_vfl": surprise / count,
            "loss_bbox": (mine - theirs).abs().sum() / count,
            "loss_giou": (1 - generalized_iou(*corners)).sum() / count,
        }
