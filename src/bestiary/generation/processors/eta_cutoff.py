"""Truncation by a probability that follows the entropy."""

import math

import torch
from torch import Tensor

from ...core.kinds import Fraction, Natural, Rate
from ..options import Option
from ..processor import Context, DeclaredProcessor
from .epsilon_cutoff import cut_below

OPTIONS = {"eta_cutoff": Option(Rate, default=0.0, needs=("do_sample",))}
PLACE = 580


class EtaLogitsWarper(DeclaredProcessor):
    """Cuts tokens less probable than min(epsilon, sqrt(epsilon) * exp(-entropy)) (https://arxiv.org/abs/2210.15191)."""

    epsilon: Fraction
    filter_value: float = -torch.inf
    min_tokens_to_keep: Natural = 1
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        logp = scores.log_softmax(-1)
        entropy = -(logp.exp() * logp).nansum(-1, keepdim=True)
        eta = (math.sqrt(self.epsilon) * (-entropy).exp()).clamp(max=self.epsilon)
        return cut_below(scores, eta, self.min_tokens_to_keep, self.filter_value)


def build(context: Context) -> DeclaredProcessor | None:
    epsilon = context.config.eta_cutoff
    if not epsilon or epsilon >= 1:
        return None
    return EtaLogitsWarper(epsilon, min_tokens_to_keep=context.least, device=str(context.device))
