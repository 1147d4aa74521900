"""Losses that tell the other of a pair from those of all other pairs, in batches as large as all processes together."""

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from ..core.errors import ArgumentError, InputError


def mean_pooled(states: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of the states (B, T, D) of tokens whose mask (B, T) is not 0: (B, D)."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)


def gathered(vectors: Tensor) -> Tensor:
    """The rows (B, D) of all processes in their order (P * B, D), through which gradients go back to where they come from.

    Processes have to have as many rows each.
    """
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return vectors
    vectors_of_all: Tensor = _Gathered.apply(vectors)  # type: ignore[no-untyped-call]
    return vectors_of_all


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, vectors: Tensor) -> Tensor:
        parts = [torch.empty_like(vectors) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, vectors.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].contiguous()
        dist.all_reduce(whole)  # what all processes' losses owe to each row
        return whole.chunk(dist.get_world_size())[dist.get_rank()]


def multiple_negatives_ranking_loss(
    anchors: Tensor, positives: Tensor, negatives: Tensor | None = None, scale: float = 20.0, similarity: str = "cosine"
) -> Tensor:
    """How surely each anchor (B, D) finds its positive (B, D) among those of all pairs of all processes (Henderson 2017).

    It is the mean over anchors of -log softmax over j of `scale` * similarity(a_i, p_j), at j = i. With several processes each
    has the mean over its own anchors, whose mean over processes is that of the whole batch, in value and in gradient.

    Args:
        negatives: further texts (N, D) that no anchor goes with. similarity: "cosine", or "dot" for products.

    Raises:
        InputError: anchors and positives differ in shape. ArgumentError: another similarity.
    """
    if anchors.shape != positives.shape:
        raise InputError(f"anchors are {tuple(anchors.shape)}, positives {tuple(positives.shape)}; expected pairs")
    if similarity not in ("cosine", "dot"):
        raise ArgumentError(f"similarity is {similarity!r:.40}; expected cosine or dot")
    candidates = gathered(positives)
    if negatives is not None:
        candidates = torch.cat([candidates, gathered(negatives)])
    if similarity == "cosine":
        anchors, candidates = F.normalize(anchors, dim=-1), F.normalize(candidates, dim=-1)
    first = len(anchors) * (dist.get_rank() if dist.is_available() and dist.is_initialized() else 0)
    positive_index = torch.arange(first, first + len(anchors), device=anchors.device)
    return F.cross_entropy(scale * anchors @ candidates.T, positive_index)
