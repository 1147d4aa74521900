"""The varifocal set loss with that of boxes told by distributions (Peng et al. 2024, "D-FINE", section 4.2 and equation 7).

Edges are trained on the two bins around the truth, and on what the last layer tells, which teaches those before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .boxes import center_to_corners, iou
from .detection import Match, Predicted, Real
from .edge_distributions import Edges, bin_values, bins_around, distances_between
from .varifocal_set_loss import VarifocalSetLoss


@dataclass(frozen=True)
class DistributionSetLoss(VarifocalSetLoss):
    """`VarifocalSetLoss` with `loss_fgl` and `loss_ddf` of layers whose `Edges` are told.

    `bins`, `scale` and `widest` are those of `edge_distributions.py`; `temperature` softens what the last layer teaches.
    """

    fine_weight: float = 0.15
    taught_weight: float = 1.5
    bins: int = 32
    scale: float = 4.0
    widest: float = 0.5
    temperature: float = 5.0

    def named(self, losses: dict[str, Tensor], end: str) -> dict[str, Tensor]:
        weights = {"loss_fgl": self.fine_weight, "loss_ddf": self.taught_weight}
        own = {name + end: losses.pop(name) * weight for name, weight in weights.items() if name in losses}
        return super().named(losses, end) | own

    def of(
        self,
        predicted: Predicted,
        real: Sequence[Real],
        matches: Sequence[Match],
        count: int,
        edges: Edges | None = None,
    ) -> dict[str, Tensor]:
        losses = super().of(predicted, real, matches, count)
        return losses if edges is None else losses | self._of_edges(predicted, real, matches, count, edges)

    def _of_edges(
        self, predicted: Predicted, real: Sequence[Real], matches: Sequence[Match], count: int, edges: Edges
    ) -> dict[str, Tensor]:
        rows = torch.cat([torch.full_like(queries, row) for row, (queries, _) in enumerate(matches)])
        queries = torch.cat([each for each, _ in matches])
        truth = center_to_corners(torch.cat([real[row].boxes[objects] for row, (_, objects) in enumerate(matches)]))
        overlap = iou(center_to_corners(predicted.boxes[rows, queries]), truth)[0].detach()
        scale, widest = (truth.new_tensor([value]) for value in (self.scale, self.widest))
        values = bin_values(self.bins, widest, scale)
        below, share = bins_around(distances_between(edges.first[rows, queries].detach(), truth, scale).flatten(), values)
        logits = edges.corners[rows, queries].reshape(-1, self.bins + 1)
        surprise = F.cross_entropy(logits, below, reduction="none") * (1 - share)
        surprise = surprise + F.cross_entropy(logits, below + 1, reduction="none") * share
        fine = (surprise * overlap.repeat_interleave(4)).sum() / count
        return {"loss_fgl": fine, "loss_ddf": self._taught(edges, rows, queries, overlap)}

    def _taught(self, edges: Edges, rows: Tensor, queries: Tensor, overlap: Tensor) -> Tensor:
        """How far (Kullback and Leibler 1951) a layer's distributions are from the last layer's, those of objects as sure as
        their boxes lie well, those of others as their classes are; each kind counts as the root of its number."""
        if torch.equal(edges.corners, edges.teacher_corners):
            return edges.corners.sum() * 0
        sure = edges.teacher_logits.detach().sigmoid().amax(-1)
        sure[rows, queries] = overlap.to(sure.dtype)
        matched = torch.zeros_like(sure, dtype=torch.bool)
        matched[rows, queries] = True
        mine, last = (
            each.unflatten(-1, (4, -1)) / self.temperature for each in (edges.corners, edges.teacher_corners.detach())
        )
        apart = F.kl_div(mine.log_softmax(-1), last.softmax(-1), reduction="none").sum(-1)
        apart = sure[..., None] * self.temperature**2 * apart
        parts = []
        for kind in (matched, ~matched):
            root = (4 * kind.sum() / len(sure)) ** 0.5
            parts.append((root, apart[kind].mean() if kind.any() else apart.new_zeros(())))
        return sum((root * mean for root, mean in parts), apart.new_zeros(())) / (parts[0][0] + parts[1][0])
