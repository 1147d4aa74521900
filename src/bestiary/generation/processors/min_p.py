"""Truncation relative to the most probable token."""

import torch
from torch import Tensor

from ...core.kinds import Natural, Rate
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"min_p": Option(Rate, needs=("do_sample",))}
PLACE = 550


class MinPLogitsWarper(DeclaredProcessor):
    """Keeps tokens at least `min_p` times as probable as the most probable one (https://arxiv.org/abs/2407.01082)."""

    min_p: Rate
    filter_value: float = -torch.inf
    min_tokens_to_keep: Natural = 1

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        probabilities = scores.softmax(-1)
        cut = probabilities < self.min_p * probabilities.amax(-1, keepdim=True)
        best = probabilities.topk(min(self.min_tokens_to_keep, scores.shape[-1]), sorted=False).indices
        return scores.masked_fill(cut.scatter(-1, best, False), self.filter_value)


def build(context: Context) -> DeclaredProcessor | None:
    return MinPLogitsWarper(context.config.min_p, min_tokens_to_keep=context.least) if context.config.min_p else None
