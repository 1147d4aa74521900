"""Maps read at points instead of at every place (Kirillov et al. 2020, "PointRend: image segmentation as rendering")."""

import torch
from torch import Tensor
from torch.nn import functional as F


def at_points(maps: Tensor, points: Tensor) -> Tensor:
    """Maps (N, Y, X) at points (N, P, 2), column and row in 0..1, bilinear -> (N, P); outside of a map is 0."""
    sampled = F.grid_sample(maps[:, None], 2 * points[:, :, None] - 1, align_corners=False)
    return sampled[:, 0, :, 0]


@torch.no_grad()
def uncertain_points(logits: Tensor, count: int, oversampled: float, share: float) -> Tensor:
    """Of each map (N, Y, X) of logits `count` points (N, count, 2), most of them where it is least certain.

    Args:
        oversampled: of so many times `count` random points those nearest to 0 are taken; share: how many of `count` they are.
            The others are random ones.
    """
    chosen = int(share * count)
    candidates = torch.rand(len(logits), int(count * oversampled), 2, device=logits.device)
    doubt = -at_points(logits, candidates).abs()
    best = doubt.topk(chosen, dim=1).indices
    points = candidates.gather(1, best[..., None].expand(-1, -1, 2))
    if chosen == count:
        return points
    return torch.cat((points, torch.rand(len(logits), count - chosen, 2, device=logits.device)), dim=1)
