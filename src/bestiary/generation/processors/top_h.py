"""Truncation by entropy."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Rate
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["TopHLogitsWarper"]

OPTIONS = {"top_h": Option(Rate, needs=("do_sample",))}
PLACE = 520

# The rule is applied to this many of the most probable tokens; the rest is always cut.
_CANDIDATES = 100


class TopHLogitsWarper(LogitsProcessor):
    """Keeps the longest prefix of the most probable tokens whose entropy stays within `top_h` of the whole's.

    Tokens are taken from the most probable on, while the entropy of what is taken, as a share of the distribution over the
    candidates, is at most `top_h` (0 < top_h <= 1) times the entropy of all candidates (https://arxiv.org/abs/2509.02510).
    """

    def __init__(self, top_h: float, filter_value: float = -torch.inf) -> None:
        if not 0 < top_h <= 1:
            raise ConfigError(f"top_h is {top_h!r}; expected a number above 0 and at most 1")
        self.top_h = top_h
        self.filter_value = filter_value

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        best, order = scores.topk(min(_CANDIDATES, scores.shape[-1]), dim=-1)
        logp = best.log_softmax(-1)
        share = -(logp.exp() * logp).nan_to_num(nan=0.0)
        nucleus = share.cumsum(-1) <= self.top_h * share.sum(-1, keepdim=True)
        nucleus[..., 0] = True
        cut = torch.ones_like(scores, dtype=torch.bool).scatter_(-1, order, ~nucleus)
        return scores.masked_fill(cut, self.filter_value)


def build(context: Context) -> LogitsProcessor | None:
    return TopHLogitsWarper(context.config.top_h) if context.config.top_h else None
