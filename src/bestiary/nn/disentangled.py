"""Scores between the content of tokens and their distances (He et al. 2021, DeBERTa)."""

import math

import torch
from torch import Tensor

from .masks import Mask
from .relative import distances, per_pair


def rows_of_pairs(mask: Mask, rows: int, buckets: bool, farthest: int) -> Tensor:
    """The row of the table of distances (2 * rows, D) for each pair of query and key (T, S): the middle one at distance 0.

    Args:
        buckets: half of the `rows` on a side are for one distance each, the others for ranges that grow logarithmically up to
            `farthest`; without them each row is a distance.
    """
    behind = -distances(mask)
    if buckets:
        near = rows // 2
        size = behind.abs().clamp(min=near - 1).float()
        growth = torch.log(size / near) / torch.log(torch.tensor((farthest - 1) / near)) * (near - 1)
        behind = torch.where(size <= near, behind, ((torch.ceil(growth) + near) * behind.sign()).long())
    numbers = (behind + rows).clamp(0, 2 * rows - 1)
    return per_pair(numbers.unsqueeze(1), mask)[0, 0]


def distance_scores(
    query: Tensor, key: Tensor, distance_keys: Tensor | None, distance_queries: Tensor | None, pairs: Tensor, scaling: float
) -> Tensor:
    """What the distances add to scores (B, H, T, S).

    Args:
        query, key: (B, H, T, K) and (B, H, S, K), of contents. distance_keys: (1, H, rows, K), what contents ask distances
            by ("c2p"). distance_queries: what distances ask contents by ("p2c"). pairs: (T, S), from `rows_of_pairs`.
        scaling: the factor on all products.
    """
    shape = (*query.shape[:3], key.shape[2])
    scores = query.new_zeros(1, 1, 1, 1)
    if distance_keys is not None:
        scores = scores + (query @ distance_keys.transpose(-1, -2)).gather(-1, pairs.expand(shape))
    if distance_queries is not None:
        asked = (key @ distance_queries.transpose(-1, -2)).gather(-1, pairs.t().expand(*shape[:2], shape[3], shape[2]))
        scores = scores + asked.transpose(-1, -2)
    return (scores * scaling).expand(shape)


def shared_scaling(size: int, parts: int) -> float:
    """1/sqrt(K * parts): scores are the sum of so many products."""
    return 1.0 / math.sqrt(size * parts)
