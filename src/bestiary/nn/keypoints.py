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


def centered(points: Tensor, height: int, width: int) -> Tensor:
    """Points (..., 2), x and y in 0..1 of images of this size, from their middle in halves of the longer edge."""
    size = points.new_tensor([width, height])
    return (points * size - size / 2) / (size.max() / 2)


def mutual_matches(scores: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Which points are each other's best.

    Args:
        scores: (B, N, N) log-probabilities that point i of the first image is point j of the second.
        threshold: matches of no more probability than this do not count.

    Returns:
        (B, 2, N) places of the matches in the other image, -1 where there is none, and (B, 2, N) probabilities, 0 where two are
        not each other's best.
    """
    best = torch.stack((scores.argmax(2), scores.argmax(1)), dim=1)
    back = best.flip(1).gather(2, best)
    mutual = back == torch.arange(scores.shape[1], device=scores.device)
    first = torch.where(mutual[:, 0], scores.amax(2).exp(), scores.new_zeros(()))
    second = torch.where(mutual[:, 1], first.gather(1, best[:, 1]), scores.new_zeros(()))
    certain = torch.stack((first, second), dim=1)
    return best.masked_fill(~(mutual & (certain > threshold)), -1), certain
