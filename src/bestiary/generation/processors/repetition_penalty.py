"""Fewer, or more, of the tokens that were there already."""

import torch
from torch import Tensor

from ...core.kinds import EndlessPositive, Whole
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"repetition_penalty": Option(EndlessPositive, default=1.0)}
PLACE = 130


def penalize(scores: Tensor, tokens: Tensor, penalty: float) -> Tensor:
    """`scores` (B, V) with those of `tokens` (B, N) divided by `penalty` when positive, multiplied when negative."""
    old = scores.gather(1, tokens)
    return scores.scatter(1, tokens, torch.where(old < 0, old * penalty, old / penalty))


def penalize_some(scores: Tensor, tokens: Tensor, counted: Tensor, penalty: float) -> Tensor:
    """As `penalize`, by those of the tokens (B, N) that are `counted` (B, N)."""
    wider = torch.nn.functional.pad(scores, (0, 1))  # a column past the vocabulary takes the tokens that do not count
    return penalize(wider, torch.where(counted, tokens, scores.shape[1]), penalty)[:, :-1]


class RepetitionPenaltyLogitsProcessor(DeclaredProcessor):
    """Makes every token so far less likely by `penalty` above 1, more likely below 1 (https://arxiv.org/abs/1909.05858).

    Args:
        prompt_ignore_length: leading tokens that do not count; a number, or one for each row (B,).
    """

    penalty: EndlessPositive
    prompt_ignore_length: Whole | Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        ignored = self.prompt_ignore_length
        if isinstance(ignored, Tensor):
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            counted = places >= ignored.to(input_ids.device).reshape(-1, 1)
            return penalize_some(scores, input_ids, counted, self.penalty)
        return penalize(scores, input_ids[:, ignored:] if ignored else input_ids, self.penalty)


def build(context: Context) -> DeclaredProcessor:
    return RepetitionPenaltyLogitsProcessor(context.config.effective("repetition_penalty"), context.leading_padding)
