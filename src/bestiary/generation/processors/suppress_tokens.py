"""Tokens that may not appear."""

from torch import Tensor

from ..options import Option
from ..processor import Context, DeclaredProcessor, TokenIds, token_ids, without

OPTIONS = {"suppress_tokens": Option(list[int])}
PLACE = 240


class SuppressTokensLogitsProcessor(DeclaredProcessor):
    """Bans `suppress_tokens`."""

    suppress_tokens: TokenIds
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return without(scores, self.suppress_tokens)


def build(context: Context) -> DeclaredProcessor | None:
    tokens = context.config.suppress_tokens
    return SuppressTokensLogitsProcessor(token_ids(tokens, context.device)) if tokens else None
