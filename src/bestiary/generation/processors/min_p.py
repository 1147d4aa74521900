"""Truncation relative to the most probable token."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Rate
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["MinPLogitsWarper"]

OPTIONS = {"min_p": Option(Rate, needs=("do_sample",))}
PLACE = 550


class MinPLogitsWarper(LogitsProcessor):
    """Keeps tokens at least `min_p` times as probable as the most probable one (https://arxiv.org/abs/2407.01082)."""

    def __init__(self, min_p: float, filter_value: float = -torch.inf, min_tokens_to_keep: int = 1) -> None:
        if not 0 <= min_p <= 1:
            raise ConfigError(f"min_p is {min_p!r}; expected a number from 0 to 1")
        if min_tokens_to_keep < 1:
            raise ConfigError(f"min_tokens_to_keep is {min_tokens_to_keep!r}; expected at least 1")
        self.min_p = min_p
        self.filter_value = filter_value
        self.min_tokens_to_keep = min_tokens_to_keep

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        probabilities = scores.softmax(-1)
        cut = probabilities < self.min_p * probabilities.amax(-1, keepdim=True)
        best = probabilities.topk(min(self.min_tokens_to_keep, scores.shape[-1]), sorted=False).indices
        return scores.masked_fill(cut.scatter(-1, best, False), self.filter_value)


def build(context: Context) -> LogitsProcessor | None:
    return MinPLogitsWarper(context.config.min_p, min_tokens_to_keep=context.least) if context.config.min_p else None
