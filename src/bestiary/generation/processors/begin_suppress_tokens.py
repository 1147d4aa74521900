"""Tokens that may not come first."""

from typing import Any

from torch import Tensor

from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids

__all__ = ["SuppressTokensAtBeginLogitsProcessor"]

OPTIONS = {"begin_suppress_tokens": Option(list[int])}
PLACE = 250


class SuppressTokensAtBeginLogitsProcessor(LogitsProcessor):
    """Bans `begin_suppress_tokens` when a row has exactly `begin_index` tokens."""

    def __init__(self, begin_suppress_tokens: Any, begin_index: int, device: str = "cpu") -> None:
        self.begin_suppress_tokens = token_ids(begin_suppress_tokens, device)
        self.begin_index = begin_index

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if input_ids.shape[1] != self.begin_index:
            return scores
        return scores.index_fill(1, self.begin_suppress_tokens.to(scores.device), -float("inf"))


def build(context: Context) -> LogitsProcessor | None:
    tokens = context.config.begin_suppress_tokens
    if not tokens:
        return None
    # A forced first token is no choice; the one after it is the first.
    forced = context.prompt_length <= 1 and context.config.forced_bos_token_id is not None
    return SuppressTokensAtBeginLogitsProcessor(tokens, context.prompt_length + forced, str(context.device))
