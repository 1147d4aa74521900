"""The processor that leaves only the tokens that a constraint allows, for rows that may move and go back."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..core.errors import NumericsError
from ..generation.processor import LogitsProcessor
from .engine import Matcher


@dataclass
class _Row:
    """A row's matcher, the new tokens it has seen, and whether it still follows: not after an end, nor off the path."""

    matcher: Matcher
    tokens: list[int] = field(default_factory=list)
    follows: bool = True

    def copy(self) -> "_Row":
        return _Row(self.matcher.copy(), list(self.tokens), self.follows)

    def go_to(self, tokens: list[int], eos: frozenset[int]) -> None:
        """Go on to the new `tokens`; back first, where the last ones were others."""
        shared = len(self.tokens)
        if tokens[:shared] != self.tokens:
            shared = next(place for place, token in enumerate(self.tokens) if tokens[place : place + 1] != [token])
            self.matcher.back(max(0, self.matcher.consumed - shared))
            self.tokens, self.follows = self.tokens[:shared], self.matcher.consumed == shared
        for token in tokens[shared:]:
            self.follows = self.follows and token not in eos and self.matcher.take(token)
            self.tokens.append(token)


class ConstraintLogitsProcessor(LogitsProcessor):
    """Bans, in each row, every token after which its text could no longer meet the row's constraint.

    Rows may take the place of others (beams) or go back (drafts).

    Args:
        matchers: the start of each row's constraint, None for rows without one.
        prompt_length: tokens before the first new one. group: consecutive rows of which one that goes on is enough.
        eos: ids of the end token.
    """

    def __init__(self, matchers: list[Matcher | None], prompt_length: int, group: int, eos: list[int]) -> None:
        self._rows = [None if matcher is None else _Row(matcher.copy()) for matcher in matchers]
        self._prompt = prompt_length
        self._group = group
        self._eos = frozenset(eos)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        allowed = np.ones(tuple(scores.shape), dtype=np.bool_)
        bound = []
        for index, (row, tokens) in enumerate(zip(self._rows, input_ids[:, self._prompt :].tolist(), strict=True)):
            if row is None:
                continue
            row.go_to(tokens, self._eos)
            if row.follows:
                mask = row.matcher.allowed()
                allowed[index] = np.pad(mask, (0, scores.shape[1] - len(mask)))
                bound.append(index)
        result = scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), -torch.inf)
        stuck = result.amax(-1).isneginf().tolist() if bound else []
        for index in bound:
            first = index - index % self._group
            if all(stuck[first : first + self._group]):  # no row of the group has a token left
                raise NumericsError(
                    f"row {index} has nothing to choose from after {input_ids.shape[1] - self._prompt} new tokens: what its "
                    "constraint allows is banned by other processors, or not in the vocabulary"
                )
        return result

    def reorder(self, parents: Tensor) -> None:
        """Row i becomes the former row `parents[i]` (R,)."""
        rows = [self._rows[parent] for parent in parents.tolist()]
        self._rows = [None if row is None else row.copy() for row in rows]
