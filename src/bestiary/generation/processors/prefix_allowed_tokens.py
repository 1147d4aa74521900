"""Only the tokens that a function of the caller allows."""

from collections.abc import Callable

import torch

from ...core.errors import InputError
from . import Context, LogitsProcessor, Tensor

OPTIONS = ()
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
            if len(allowed) == 0:
                raise InputError(
                    f"prefix_allowed_tokens_fn allows no token for input {row // self._num_beams} after {ids.tolist()}"
                )
            banned[row, torch.as_tensor(allowed, dtype=torch.int64, device=scores.device)] = False
        return scores.masked_fill(banned, -torch.inf)


def build(context: Context) -> LogitsProcessor | None:
    allowed = context.prefix_allowed_tokens_fn
    return None if allowed is None else PrefixConstrainedLogitsProcessor(allowed, context.config.num_beams or 1)
