"""An end that becomes more likely with length."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..options import Option
from ..processor import Context, DeclaredProcessor, TokenIds, token_ids

OPTIONS = {"exponential_decay_length_penalty": Option(tuple[int, float])}
PLACE = 230
_MOST = 1e25  # beyond it the end is certain anyway, and infinity would make NaN


class ExponentialDecayLengthPenalty(DeclaredProcessor):
    """Raises the scores s of the end tokens by |s| (factor^n - 1), n tokens after the start.

    Args:
        exponential_decay_length_penalty: (new tokens after which it starts, factor).
        input_ids_seq_length: length of the prompt.
    """

    exponential_decay_length_penalty: tuple[int, float]
    eos_token_id: TokenIds
    input_ids_seq_length: int

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        start, factor = self.exponential_decay_length_penalty
        past = input_ids.shape[1] - self.input_ids_seq_length - start
        if past <= 0:
            return scores
        eos = token_ids(self.eos_token_id, scores.device)
        old = scores[:, eos]
        try:
            grown = min(factor**past, _MOST)
        except OverflowError:
            grown = _MOST
        # An end that is banned (-inf) stays banned.
        raised = torch.where(old.isinf(), 0.0, old.abs() * (grown - 1))
        return scores.index_copy(1, eos, old + raised)


def build(context: Context) -> DeclaredProcessor:
    if context.eos is None:
        raise ConfigError("exponential_decay_length_penalty needs eos_token_id, and there is none")
    decay = context.config.effective("exponential_decay_length_penalty")
    return ExponentialDecayLengthPenalty(decay, context.eos, context.prompt_length)
