"""Tokens that may not appear."""

from typing import Any

from torch import Tensor

from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids

__all__ = ["SuppressTokensLogitsProcessor"]

OPTIONS = {"suppress_tokens": Option(list[int])}
PLACE = 240


class SuppressTokensLogitsProcessor(LogitsProcessor):
    """Bans `suppress_tokens`."""

    def __init__(self, suppress_tokens: Any, device: str = "cpu") -> None:
        self.suppress_tokens = token_ids(suppress_tokens, device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores.index_fill(1, self.suppress_tokens.to(scores.device), -float("inf"))


def build(context: Context) -> LogitsProcessor | None:
    tokens = context.config.suppress_tokens
    return SuppressTokensLogitsProcessor(tokens, str(context.device)) if tokens else None
