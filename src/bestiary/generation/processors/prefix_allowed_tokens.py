"""Only the tokens that a function of the caller allows."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...core.errors import InputError
from ..processor import Context, LogitsProcessor

ASKED_BY = ("prefix_allowed_tokens_fn",)
PLACE = 190


class PrefixConstrainedLogitsProcessor(LogitsProcessor):
    """Bans all tokens but those that `prefix_allowed_tokens_fn(batch_id, ids of the row)` returns.

    Args:
        num_beams: consecutive rows that belong to one input; `batch_id` counts the inputs.
    """

    def __init__(self, prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]], num_beams: int) -> None:
        self._allowed = prefix_allowed_tokens_fn
        self._num_beams = num_beams

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        banned = torch.ones_like(scores, dtype=torch.bool)
        for row, ids in enumerate(input_ids):
            allowed = self._allowed(row // self._num_beams, ids)
            try:
                tokens = torch.as_tensor(allowed, device=scores.device)
            except (TypeError, ValueError, RuntimeError):  # not even numbers
                tokens = torch.zeros(1, 1)
            if tokens.numel() == 0:
                raise InputError(
                    f"prefix_allowed_tokens_fn allows no token for input {row // self._num_beams} after {ids.tolist()}"
                )
            whole = tokens.dim() == 1 and not tokens.is_floating_point() and tokens.dtype != torch.bool
            if not whole or not bool(((tokens >= 0) & (tokens < scores.shape[1])).all()):
                raise InputError(
                    f"prefix_allowed_tokens_fn returned {allowed!r:.80}; expected a list of token ids from 0 to "
                    f"{scores.shape[1] - 1}"
                )
            banned[row, tokens] = False
        return scores.masked_fill(banned, -torch.inf)


def build(context: Context) -> LogitsProcessor | None:
    allowed = context.prefix_allowed_tokens_fn
    return None if allowed is None else PrefixConstrainedLogitsProcessor(allowed, context.config.num_beams or 1)
