"""Truncation by entropy."""

from typing import Annotated

import torch
from torch import Tensor

from ...core.kinds import ABOVE_0, Range, Rate
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"top_h": Option(Rate, needs=("do_sample",))}
PLACE = 520

# The rule is applied to this many of the most probable tokens; the rest is always cut.
_CANDIDATES = 100


class TopHLogitsWarper(DeclaredProcessor):
    """Keeps the longest prefix of the most probable tokens whose entropy stays within `top_h` of the whole's.

    Tokens are taken from the most probable on, while the entropy of what is taken, as a share of the distribution over the
    candidates, is at most `top_h` times the entropy of all candidates (https://arxiv.org/abs/2509.02510).
    """

    top_h: Annotated[float, Range(ABOVE_0, 1)]
    filter_value: float = -torch.inf

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        best, order = scores.topk(min(_CANDIDATES, scores.shape[-1]), dim=-1)
        logp = best.log_softmax(-1)
        share = -(logp.exp() * logp).nan_to_num(nan=0.0)
        nucleus = share.cumsum(-1) <= self.top_h * share.sum(-1, keepdim=True)
        nucleus[..., 0] = True
        cut = torch.ones_like(scores, dtype=torch.bool).scatter_(-1, order, ~nucleus)
        return scores.masked_fill(cut, self.filter_value)


def build(context: Context) -> DeclaredProcessor | None:
    return TopHLogitsWarper(context.config.top_h) if context.config.top_h else None
