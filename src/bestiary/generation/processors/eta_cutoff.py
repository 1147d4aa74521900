"""Truncation by a probability that follows the entropy."""

import math

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Rate
from ..options import Option
from ..processor import Context, LogitsProcessor
from .epsilon_cutoff import cut_below

__all__ = ["EtaLogitsWarper"]

OPTIONS = {"eta_cutoff": Option(Rate, default=0.0, needs=("do_sample",))}
PLACE = 580


class EtaLogitsWarper(LogitsProcessor):
    """Cuts tokens less probable than min(epsilon, sqrt(epsilon) * exp(-entropy)) (https://arxiv.org/abs/2210.15191)."""

    def __init__(
        self, epsilon: float, filter_value: float = -torch.inf, min_tokens_to_keep: int = 1, device: str = "cpu"
    ) -> None:
        epsilon = float(epsilon)
        if not 0 < epsilon < 1:
            raise ConfigError(f"eta_cutoff is {epsilon!r}; expected a number between 0 and 1")
        if min_tokens_to_keep < 1:
            raise ConfigError(f"min_tokens_to_keep is {min_tokens_to_keep!r}; expected at least 1")
        self.epsilon = epsilon
        self.filter_value = filter_value
        self.min_tokens_to_keep = min_tokens_to_keep

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        logp = scores.log_softmax(-1)
        entropy = -(logp.exp() * logp).nansum(-1, keepdim=True)
        eta = (math.sqrt(self.epsilon) * (-entropy).exp()).clamp(max=self.epsilon)
        return cut_below(scores, eta, self.min_tokens_to_keep, self.filter_value)


def build(context: Context) -> LogitsProcessor | None:
    epsilon = context.config.eta_cutoff
    if not epsilon or epsilon >= 1:
        return None
    return EtaLogitsWarper(epsilon, min_tokens_to_keep=context.least, device=str(context.device))
