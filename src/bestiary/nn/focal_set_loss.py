"""The set loss of models that judge classes one by one: a query without an object has no class, rather than a class for it.

Zhu et al. 2021 ("Deformable DETR"), appendix A.4; costs and losses of classes are focal ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import one_hot

from .detection import Match, Real, SetLoss, classes_of, object_count
from .focal_loss import focal_loss


@dataclass(frozen=True)
class FocalSetLoss(SetLoss):
    """`SetLoss` over logits (B, Q, N). `alpha` and `gamma` are balance and focus of the loss, `match_alpha` and
    `match_gamma` those of the costs; with `softmax_costs` these are those of `SetLoss`."""

    alpha: float = 0.25
    gamma: float = 2.0
    match_alpha: float = 0.25
    match_gamma: float = 2.0
    softmax_costs: bool = False

    def class_count(self, logits: Tensor) -> int:
        return logits.shape[-1]

    def class_costs(self, logits: Tensor) -> Tensor:
        """What it costs to say that a class is there, less what it costs to say that it is not."""
        if self.softmax_costs:
            return super().class_costs(logits)
        share = logits.sigmoid()
        there = self.match_alpha * (1 - share) ** self.match_gamma * -(share + 1e-8).log()
        return there - (1 - self.match_alpha) * share**self.match_gamma * -(1 - share + 1e-8).log()

    def objects_seen(self, logits: Tensor) -> Tensor:
        return (logits.amax(-1) > 0).sum(1)

    def class_loss(self, logits: Tensor, real: Sequence[Real], matches: Sequence[Match]) -> Tensor:
        count = logits.shape[-1]
        truth = one_hot(classes_of(logits, real, matches, count), count + 1)[..., :-1].to(logits.dtype)
        return focal_loss(logits, truth, self.alpha, self.gamma).sum() / object_count(real)
