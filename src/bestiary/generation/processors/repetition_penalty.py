"""Fewer, or more, of the tokens that were there already."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.kinds import Positive
from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["RepetitionPenaltyLogitsProcessor"]

OPTIONS = {"repetition_penalty": Option(Positive, default=1.0)}
PLACE = 130


def penalize(scores: Tensor, tokens: Tensor, penalty: float) -> Tensor:
    """`scores` (B, V) with those of `tokens` (B, N) divided by `penalty` when positive, multiplied when negative."""
    old = scores.gather(1, tokens)
    return scores.scatter(1, tokens, torch.where(old < 0, old * penalty, old / penalty))


def penalize_some(scores: Tensor, tokens: Tensor, counted: Tensor, penalty: float) -> Tensor:
    """As `penalize`, by those of the tokens (B, N) that are `counted` (B, N)."""
    wider = torch.nn.functional.pad(scores, (0, 1))  # a column past the vocabulary takes the tokens that do not count
    return penalize(wider, torch.where(counted, tokens, scores.shape[1]), penalty)[:, :-1]


class RepetitionPenaltyLogitsProcessor(LogitsProcessor):
    """Makes every token so far less likely by `penalty` above 1, more likely below 1 (https://arxiv.org/abs/1909.05858).

    Args:
        prompt_ignore_length: leading tokens that do not count; a number, or one for each row (B,).
    """

    def __init__(self, penalty: float, prompt_ignore_length: int | Tensor | None = None) -> None:
        if not isinstance(penalty, int | float) or not penalty > 0:
            raise ConfigError(f"repetition_penalty is {penalty!r}; expected a number above 0")
        if isinstance(prompt_ignore_length, int) and prompt_ignore_length < 0:
            raise ConfigError(f"prompt_ignore_length is {prompt_ignore_length}; expected at least 0")
        self.penalty = penalty
        self.prompt_ignore_length = prompt_ignore_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        ignored = self.prompt_ignore_length
        if isinstance(ignored, Tensor):
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            counted = places >= ignored.to(input_ids.device).reshape(-1, 1)
            return penalize_some(scores, input_ids, counted, self.penalty)
        return penalize(scores, input_ids[:, ignored:] if ignored else input_ids, self.penalty)


def build(context: Context) -> LogitsProcessor | None:
    penalty = context.config.repetition_penalty
    if penalty is None or penalty == 1:
        return None
    return RepetitionPenaltyLogitsProcessor(penalty, context.leading_padding)
