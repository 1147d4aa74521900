"""Biases on attention scores that depend on the distance between a query and a key only."""

import math

import torch
from torch import Tensor

from .masks import Mask


def distances(mask: Mask) -> Tensor:
    """Every `key - query` distance of a call once, ascending (T + S - 1)."""
    return torch.arange(mask.queries + mask.keys - 1, device=mask.device) - (mask.queries - 1) - mask.first_query


def per_pair(values: Tensor, mask: Mask) -> Tensor:
    """The value of each pair of query and key (1, H, T, S), from one for each distance (T + S - 1, H)."""
    if mask.queries == 1:
        return values.t()[None, :, None]
    # Row t is the window of S distances that starts at T - 1 - t.
    return values.t().unfold(1, mask.keys, 1).flip(1).unsqueeze(0)


def waves(places: Tensor, width: int, longest: float = 10000.0) -> tuple[Tensor, Tensor]:
    """Sines and cosines (T, width / 2) of places (T,), of geometric wavelengths."""
    steps = torch.arange(width // 2, device=places.device) / (width // 2)
    angles = places[:, None] / longest**steps
    return angles.sin(), angles.cos()


def distance_waves(first: int, last: int, width: int, limit: int, device: torch.device) -> Tensor:
    """Sines, then cosines (first - last, width) of the distances from `first` down to before `last`, none beyond `limit`, if
    that is above 0."""
    distances = torch.arange(first, last, -1, device=device).float()
    return torch.cat(waves(distances.clamp(-limit, limit) if limit > 0 else distances, width), dim=-1)


def relative_shift(scores: Tensor, keys: int, shift: int) -> Tensor:
    """Scores (B, H, T, M) by distance, the greatest first, as scores (B, H, T, keys) by key (Dai et al. 2019, appendix B).

    Args:
        shift: how many distances further each query is than the one before it.
    """
    batch, heads, queries, count = scores.shape
    turned = scores.reshape(batch, heads, count, queries)[:, :, shift:]
    return turned.reshape(batch, heads, queries, count - shift)[..., :keys]


def bucket(distance: Tensor, buckets: int, limit: int, both_ways: bool) -> Tensor:
    """Bucket of each `key - query` distance (Raffel et al. 2020, section 2.1).

    The nearer half of the buckets holds one distance each, the others grow logarithmically up to `limit`; beyond it all
    share the last. With `both_ways` half of the buckets are for keys ahead of the query; else those count as distance 0.
    """
    ahead = torch.zeros_like(distance)
    if both_ways:
        buckets //= 2
        ahead, distance = (distance > 0) * buckets, distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    near = buckets // 2
    far = torch.log(distance.clamp(min=1).float() / near) / math.log(limit / near) * (buckets - near)
    return ahead + torch.where(distance < near, distance, (near + far.long()).clamp(max=buckets - 1))


def relative_position_bucket(
    relative_position: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128
) -> Tensor:
    """`bucket` with the names and defaults by which scripts call it."""
    return bucket(relative_position, num_buckets, max_distance, both_ways=bidirectional)
