"""Locally typical sampling."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Rate
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["TypicalLogitsWarper"]

OPTIONS = {"typical_p": Option(Rate, default=1.0, needs=("do_sample",))}
PLACE = 560


class TypicalLogitsWarper(LogitsProcessor):
    """Keeps the tokens whose information is nearest to the entropy, until they hold `mass` (https://arxiv.org/abs/2202.00666)."""

    def __init__(self, mass: float = 0.9, filter_value: float = -torch.inf, min_tokens_to_keep: int = 1) -> None:
        if not 0 < mass < 1:
            raise ConfigError(f"typical_p is {mass!r}; expected a number between 0 and 1")
        if min_tokens_to_keep < 1:
            raise ConfigError(f"min_tokens_to_keep is {min_tokens_to_keep!r}; expected at least 1")
        self.mass = mass
        self.filter_value = filter_value
        self.min_tokens_to_keep = min_tokens_to_keep

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


def build(context: Context) -> LogitsProcessor | None:
    mass = context.config.typical_p
    return None if mass is None or mass >= 1 else TypicalLogitsWarper(mass, min_tokens_to_keep=context.least)
