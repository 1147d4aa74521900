"""Truncation by absolute probability."""

import torch
from torch import Tensor

from ...core.kinds import Fraction, Natural, Rate
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"epsilon_cutoff": Option(Rate, default=0.0, needs=("do_sample",))}
PLACE = 570


class EpsilonLogitsWarper(DeclaredProcessor):
    """Cuts tokens less probable than `epsilon` (https://arxiv.org/abs/2210.15191)."""

    epsilon: Fraction
    filter_value: float = -torch.inf
    min_tokens_to_keep: Natural = 1

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return cut_below(scores, self.epsilon, self.min_tokens_to_keep, self.filter_value)


def cut_below(scores: Tensor, least: float | Tensor, keep: int, filter_value: float) -> Tensor:
    """`scores` (B, V) without the tokens less probable than `least`, the best `keep` and their equals excepted."""
    best = scores.topk(min(keep, scores.shape[-1]), sorted=False).values.amin(-1, keepdim=True)
    return scores.masked_fill((scores.softmax(-1) < least) & (scores < best), filter_value)


def build(context: Context) -> DeclaredProcessor | None:
    epsilon = context.config.epsilon_cutoff
    return EpsilonLogitsWarper(epsilon, min_tokens_to_keep=context.least) if epsilon and epsilon < 1 else None
