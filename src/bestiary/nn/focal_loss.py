"""The focal loss (Lin et al. 2017, "Focal loss for dense object detection"): what is well known already counts little."""

from torch import Tensor
from torch.nn import functional as F


def focal_loss(logits: Tensor, truth: Tensor, balance: float = 0.25, focus: float = 2.0) -> Tensor:
    """The loss of each of these logits, whose truths are 0 or 1.

    Args:
        balance: what a truth of 1 counts, that of 0 counting the rest to 1; below 0, both count 1.
        focus: the power of the error by which a loss is multiplied.
    """
    probability = logits.sigmoid()
    error = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missing = probability * (1 - truth) + (1 - probability) * truth
    loss = error * missing**focus
    return loss if balance < 0 else (balance * truth + (1 - balance) * (1 - truth)) * loss
