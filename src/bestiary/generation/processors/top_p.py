"""Nucleus sampling."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Rate
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["TopPLogitsWarper"]

OPTIONS = {"top_p": Option(Rate, default=1.0, needs=("do_sample",))}
PLACE = 540


class TopPLogitsWarper(LogitsProcessor):
    """Keeps the smallest set of most probable tokens that holds `top_p` of the mass (https://arxiv.org/abs/1904.09751)."""

    def __init__(self, top_p: float, filter_value: float = -torch.inf, min_tokens_to_keep: int = 1) -> None:
        if not 0 <= top_p <= 1:
            raise ConfigError(f"top_p is {top_p!r}; expected a number from 0 to 1")
        if min_tokens_to_keep < 1:
            raise ConfigError(f"min_tokens_to_keep is {min_tokens_to_keep!r}; expected at least 1")
        self.top_p = float(top_p)
        self.filter_value = filter_value
        self.min_tokens_to_keep = min_tokens_to_keep

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        ascending, order = scores.sort(descending=False)
        # Mass of each token and all less probable ones: what does not exceed 1 - top_p can go.
        cut = ascending.softmax(-1).cumsum(-1) <= 1 - self.top_p
        cut[..., -self.min_tokens_to_keep :] = False
        return scores.masked_fill(cut.scatter(1, order, cut), self.filter_value)


def build(context: Context) -> LogitsProcessor | None:
    top_p = context.config.top_p
    return None if top_p is None or top_p >= 1 else TopPLogitsWarper(top_p, min_tokens_to_keep=context.least)
