"""Points of images, kept where no better one is near."""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


def best_nearby(scores: Tensor, radius: int) -> Tensor:
    """Scores (B, Y, X), zero where a better one is within `radius` pixels (DeTone et al. 2018).

    What a better one hides hides nothing itself: this is asked twice more among the pixels that are near no best one.
    """

    def largest(values: Tensor) -> Tensor:
        return max_pool2d(values.unsqueeze(1), kernel_size=2 * radius + 1, stride=1, padding=radius).squeeze(1)

    zeros = torch.zeros_like(scores)
    best = scores == largest(scores)
    for _ in range(2):
        hidden = largest(best.to(scores.dtype)) > 0
        left = torch.where(hidden, zeros, scores)
        best = best | ((left == largest(left)) & ~hidden)
    return torch.where(best, scores, zeros)
