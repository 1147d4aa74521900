"""Tokens that may not come first."""

from torch import Tensor

from ..options import Option
from ..processor import Context, DeclaredProcessor, TokenIds, token_ids, without

OPTIONS = {"begin_suppress_tokens": Option(list[int])}
PLACE = 250


class SuppressTokensAtBeginLogitsProcessor(DeclaredProcessor):
    """Bans `begin_suppress_tokens` when a row has exactly `begin_index` tokens."""

    begin_suppress_tokens: TokenIds
    begin_index: int
    device: str = "cpu"

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return without(scores, self.begin_suppress_tokens) if input_ids.shape[1] == self.begin_index else scores


def build(context: Context) -> DeclaredProcessor | None:
    tokens = context.config.begin_suppress_tokens
    if not tokens:
        return None
    # A forced first token is no choice; the one after it is the first.
    forced = context.prompt_length <= 1 and context.config.forced_bos_token_id is not None
    return SuppressTokensAtBeginLogitsProcessor(token_ids(tokens, context.device), context.prompt_length + forced)
