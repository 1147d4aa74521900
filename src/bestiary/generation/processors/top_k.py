"""Truncation to the k best tokens."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Whole
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["TopKLogitsWarper"]

OPTIONS = {"top_k": Option(Whole, default=50, off=0, needs=("do_sample", "penalty_alpha"))}
PLACE = 530


class TopKLogitsWarper(LogitsProcessor):
    """Keeps the `top_k` best scores and those equal to the last of them; the rest becomes `filter_value`."""

    def __init__(self, top_k: int, filter_value: float = -torch.inf, min_tokens_to_keep: int = 1) -> None:
        if not isinstance(top_k, int) or top_k < 1:
            raise ConfigError(f"top_k is {top_k!r}; expected a whole number of at least 1")
        self.top_k = max(top_k, min_tokens_to_keep)
        self.filter_value = filter_value

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        k = min(self.top_k, scores.shape[-1])
        if k == scores.shape[-1]:
            return scores
        threshold = scores.topk(k, sorted=False).values.amin(-1, keepdim=True)
        return scores.masked_fill(scores < threshold, self.filter_value)


def build(context: Context) -> LogitsProcessor | None:
    return TopKLogitsWarper(context.config.top_k, min_tokens_to_keep=context.least) if context.config.top_k else None
