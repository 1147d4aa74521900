"""Sequences of tokens made more or less likely."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..model import vocabulary_size
from ..options import Option
from ..processor import Context, LogitsProcessor

OPTIONS = {"sequence_bias": Option(Any)}
PLACE = 110

Biases = Mapping[tuple[int, ...], float] | Sequence[Any]


class SequenceBiasLogitsProcessor(LogitsProcessor):
    """Adds a bias to the last token of each given sequence when the tokens before it are all there.

    Args:
        sequence_bias: {tuple of ids: bias}, or a list of [list of ids, bias].
    """

    def __init__(self, sequence_bias: Biases) -> None:
        self.sequence_bias = sequence_bias
        by_length: dict[int, tuple[list[list[int]], list[float]]] = defaultdict(lambda: ([], []))
        for ids, bias in _pairs(sequence_bias):
            by_length[len(ids)][0].append(ids)
            by_length[len(ids)][1].append(bias)
        self._groups = [(torch.tensor(ids), torch.tensor(bias)) for ids, bias in by_length.values()]
        self._largest = max((int(ids.max()) for ids, _ in self._groups), default=-1)

    def check(self, vocabulary: int | None) -> None:
        """Refuse sequences with tokens that the vocabulary does not have; None when its size is not known."""
        if vocabulary is not None and self._largest >= vocabulary:
            raise ConfigError(f"a sequence to bias holds the token {self._largest}; the vocabulary ends at {vocabulary - 1}")

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.check(scores.shape[-1])
        if self._groups and self._groups[0][0].device != scores.device:
            self._groups = [(ids.to(scores.device), bias.to(scores.device)) for ids, bias in self._groups]
        total = torch.zeros_like(scores)
        for ids, bias in self._groups:
            before = ids.shape[1] - 1
            if before > input_ids.shape[1]:
                continue
            tail = input_ids[:, input_ids.shape[1] - before :].unsqueeze(1)
            due = (tail == ids[:, :before]).all(-1)
            added = torch.where(due, bias.to(scores.dtype), 0.0)
            total.scatter_add_(1, ids[:, -1].expand(scores.shape[0], -1), added)
        return scores + total


def _pairs(sequence_bias: Biases) -> list[tuple[list[int], float]]:
    if not isinstance(sequence_bias, Mapping | list | tuple):
        raise ConfigError(f"sequence_bias is {sequence_bias!r:.80}; expected {{tuple of ids: bias}} or a list of [ids, bias]")
    items = list(sequence_bias.items()) if isinstance(sequence_bias, Mapping) else list(sequence_bias)
    if not items:
        raise ConfigError("sequence_bias is empty; expected {tuple of ids: bias} or a list of [list of ids, bias]")
    for item in items:
        if not isinstance(item, list | tuple) or len(item) != 2 or not isinstance(item[0], list | tuple):
            raise ConfigError(f"sequence_bias holds {item!r}; expected a sequence of ids and its bias")
        ids, bias = item
        if not ids or any(not isinstance(token, int) or isinstance(token, bool) or token < 0 for token in ids):
            raise ConfigError(f"sequence_bias holds the ids {ids!r}; expected at least one whole number, none below 0")
        if not isinstance(bias, int | float) or not bias < math.inf:  # which NaN is not; -inf bans
            raise ConfigError(f"sequence_bias holds the bias {bias!r} for {ids!r}; expected a finite number, or -inf")
    return [(list(ids), float(bias)) for ids, bias in items]


def build(context: Context) -> LogitsProcessor:
    processor = SequenceBiasLogitsProcessor(context.config.effective("sequence_bias"))
    processor.check(vocabulary_size(context.model))
    return processor
