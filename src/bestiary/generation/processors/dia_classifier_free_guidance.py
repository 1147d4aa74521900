"""Classifier-free guidance around the conditional scores."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..processor import LogitsProcessor
from .classifier_free_guidance import halves

__all__ = ["DiaClassifierFreeGuidanceLogitsProcessor"]


class DiaClassifierFreeGuidanceLogitsProcessor(LogitsProcessor):
    """Maps scores (2 B, V) of conditional rows c, then unconditional ones u, to c + guidance_scale (c - u), (B, V).

    Args:
        guidance_top_k: the guided scores then only pick this many tokens, which keep their conditional scores.
    """

    def __init__(self, guidance_scale: float, guidance_top_k: int | None = None) -> None:
        if not guidance_scale > 1:
            raise ConfigError(f"guidance_scale is {guidance_scale!r}; guidance within a batch needs a number above 1")
        self.guidance_scale = guidance_scale
        self.guidance_top_k = guidance_top_k

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        with_condition, without = halves(scores, input_ids)
        guided = with_condition + (with_condition - without) * self.guidance_scale
        if self.guidance_top_k is None:
            return guided
        best = guided.topk(min(self.guidance_top_k, guided.shape[-1]), dim=-1).indices
        cut = torch.ones_like(guided, dtype=torch.bool).scatter_(-1, best, False)
        return with_condition.masked_fill(cut, -torch.inf)
