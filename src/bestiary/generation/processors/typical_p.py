"""Locally typical sampling."""

import torch
from torch import Tensor

from ...core.kinds import Fraction, Natural, Rate
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"typical_p": Option(Rate, default=1.0, needs=("do_sample",))}
PLACE = 560


class TypicalLogitsWarper(DeclaredProcessor):
    """Keeps the tokens whose information is nearest to the entropy, until they hold `mass` (https://arxiv.org/abs/2202.00666)."""

    mass: Fraction = 0.9
    filter_value: float = -torch.inf
    min_tokens_to_keep: Natural = 1

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        logp = scores.log_softmax(-1)
        p = logp.exp()
        entropy = -(logp * p).nansum(-1, keepdim=True)
        distance, order = (-logp - entropy).abs().sort(descending=False)
        mass = p.gather(-1, order).cumsum(-1)
        last = (mass < self.mass).sum(-1, keepdim=True).clamp(max=scores.shape[-1] - 1)
        cut = distance > distance.gather(-1, last)
        cut[..., : self.min_tokens_to_keep] = False
        return scores.masked_fill(cut.scatter(1, order, cut), self.filter_value)


def build(context: Context) -> DeclaredProcessor | None:
    mass = context.config.typical_p
    return None if mass is None or mass >= 1 else TypicalLogitsWarper(mass, min_tokens_to_keep=context.least)
