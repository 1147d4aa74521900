"""An end that becomes more likely with length."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids

__all__ = ["ExponentialDecayLengthPenalty"]

OPTIONS = {"exponential_decay_length_penalty": Option(tuple[int, float])}
PLACE = 230
_MOST = 1e25  # beyond it the end is certain anyway, and infinity would make NaN


class ExponentialDecayLengthPenalty(LogitsProcessor):
    """Raises the scores s of the end tokens by |s| (factor^n - 1), n tokens after the start.

    Args:
        exponential_decay_length_penalty: (new tokens after which it starts, factor).
        input_ids_seq_length: length of the prompt.
    """

    def __init__(
        self,
        exponential_decay_length_penalty: tuple[int, float],
        eos_token_id: int | list[int] | Tensor,
        input_ids_seq_length: int,
    ) -> None:
        if len(exponential_decay_length_penalty) != 2:
            raise ConfigError(
                f"exponential_decay_length_penalty is {exponential_decay_length_penalty!r}; expected (start, factor)"
            )
        self.regulation_start = exponential_decay_length_penalty[0] + input_ids_seq_length
        self.regulation_factor = exponential_decay_length_penalty[1]
        self.eos_token_id = token_ids(eos_token_id).unique()  # a repeated one is raised once

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        past = input_ids.shape[1] - self.regulation_start
        if past <= 0:
            return scores
        eos = self.eos_token_id = self.eos_token_id.to(scores.device)
        old = scores[:, eos]
        # An end that is banned (-inf) stays banned.
        try:
            grown = min(self.regulation_factor**past, _MOST)
        except OverflowError:
            grown = _MOST
        raised = torch.where(old.isinf(), 0.0, old.abs() * (grown - 1))
        return scores.index_add(1, eos, raised)


def build(context: Context) -> LogitsProcessor | None:
    decay = context.config.exponential_decay_length_penalty
    if decay is None:
        return None
    if context.eos is None:
        raise ConfigError("exponential_decay_length_penalty needs eos_token_id, and there is none")
    return ExponentialDecayLengthPenalty(decay, context.eos, context.prompt_length)
