"""Truncation to the k best tokens."""

import torch
from torch import Tensor

from ...core.kinds import Natural, Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"top_k": Option(Whole, default=50, off=0, needs=("do_sample", "penalty_alpha"))}
PLACE = 530


class TopKLogitsWarper(DeclaredProcessor):
    """Keeps the `top_k` best scores and those equal to the last of them; the rest becomes `filter_value`."""

    top_k: Natural
    filter_value: float = -torch.inf
    min_tokens_to_keep: Natural = 1

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        k = min(max(self.top_k, self.min_tokens_to_keep), scores.shape[-1])
        if k == scores.shape[-1]:
            return scores
        threshold = scores.topk(k, sorted=False).values.amin(-1, keepdim=True)
        return scores.masked_fill(scores < threshold, self.filter_value)


def build(context: Context) -> DeclaredProcessor:
    return TopKLogitsWarper(context.config.effective("top_k"), min_tokens_to_keep=context.least)
