"""A given first token."""

import torch
from torch import Tensor

from ..options import Option
from ..processor import Context, LogitsProcessor

__all__ = ["ForcedBOSTokenLogitsProcessor"]

OPTIONS = {"forced_bos_token_id": Option(int)}
PLACE = 200


def only(scores: Tensor, tokens: Tensor | int) -> Tensor:
    """Scores (B, V) of 0 for `tokens` and -inf for all others."""
    result = torch.full_like(scores, -torch.inf)
    result[:, tokens] = 0
    return result


class ForcedBOSTokenLogitsProcessor(LogitsProcessor):
    """Forces `bos_token_id` right after a prompt of one token (the decoder's start token)."""

    def __init__(self, bos_token_id: int) -> None:
        self.bos_token_id = bos_token_id

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return only(scores, self.bos_token_id) if input_ids.shape[1] == 1 else scores


def build(context: Context) -> LogitsProcessor | None:
    token = context.config.forced_bos_token_id
    if token is None or context.prompt_length > 1:  # it would come too late to be first
        return None
    return ForcedBOSTokenLogitsProcessor(token)
