"""Sequences of tokens that may not appear."""

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..model import vocabulary_size
from ..options import Option
from ..processor import Context, LogitsProcessor, token_ids
from .sequence_bias import SequenceBiasLogitsProcessor

OPTIONS = {"bad_words_ids": Option(list[list[int]])}
PLACE = 160


class NoBadWordsLogitsProcessor(SequenceBiasLogitsProcessor):
    """Bans the last token of each sequence of `bad_words_ids` when the tokens before it are all there.

    A sequence that is nothing but an end token is left out: it would forbid to end.
    """

    def __init__(self, bad_words_ids: list[list[int]], eos_token_id: int | list[int] | Tensor | None = None) -> None:
        if not isinstance(bad_words_ids, list) or not bad_words_ids:
            raise ConfigError(f"bad_words_ids is {bad_words_ids!r}; expected a list that holds at least one list of ids")
        if any(not isinstance(ids, list) for ids in bad_words_ids):
            raise ConfigError(f"bad_words_ids is {bad_words_ids!r}; each word must be a list of ids")
        ends = [] if eos_token_id is None else [[int(token)] for token in token_ids(eos_token_id)]
        self.bad_words_ids = [ids for ids in bad_words_ids if ids not in ends]
        self._banning = bool(self.bad_words_ids)
        super().__init__([(ids, -torch.inf) for ids in self.bad_words_ids or [[0]]])

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return super().__call__(input_ids, scores) if self._banning else scores


def build(context: Context) -> LogitsProcessor:
    processor = NoBadWordsLogitsProcessor(context.config.effective("bad_words_ids"), context.eos)
    processor.check(vocabulary_size(context.model))
    return processor
