"""The processor that leaves only the tokens that a constraint allows, for rows that may move and go back."""

from typing import Any

import numpy as np
import torch

from ..core.errors import ArgumentError, ConfigError, NumericsError
from ..generation.processor import Context, LogitsProcessor, Tensor
from .engine import Matcher, vocabulary
from .forms import as_constraint


class _Row:
    """A row's matcher, the new tokens it has seen, and whether it still follows: not after an end, nor off the path."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.tokens: list[int] = []
        self.follows = True

    def take(self, token: int, eos: frozenset[int]) -> None:
        self.follows = self.follows and token not in eos and self.matcher.take(token)
        self.tokens.append(token)

    def branch(self, count: int) -> "_Row":
        """The row as it was after its first `count` tokens."""
        matcher = self.matcher.copy()
        matcher.back(max(0, matcher.consumed - count))
        row = _Row(matcher)
        row.tokens = self.tokens[:count]
        row.follows = matcher.consumed == count
        return row


class ConstraintLogitsProcessor(LogitsProcessor):
    """Bans, in each row, every token after which its text could no longer meet the row's constraint.

    Rows may take over the tokens of others (beams) or go back (drafts): a row goes on from the one whose tokens it shares.

    Args:
        matchers: the start of each row's constraint, None for rows without one.
        prompt_length: tokens before the first new one. group: consecutive rows among which tokens move.
        eos: ids of the end token.
    """

    def __init__(self, matchers: list[Matcher | None], prompt_length: int, group: int, eos: list[int]) -> None:
        self._start = matchers
        self._rows = [None if matcher is None else _Row(matcher.copy()) for matcher in matchers]
        self._prompt = prompt_length
        self._group = group
        self._eos = frozenset(eos)
        self._seen = np.zeros((len(matchers), 0), dtype=np.int64)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        new = input_ids[:, self._prompt :].cpu().numpy()
        self._follow(new)
        allowed = np.ones(tuple(scores.shape), dtype=np.bool_)
        bound = [index for index, row in enumerate(self._rows) if row is not None and row.follows]
        for index in bound:
            row = self._rows[index]
            assert row is not None
            mask = row.matcher.allowed()
            allowed[index, : len(mask)] = mask
            allowed[index, len(mask) :] = False
        result = scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), -torch.inf)
        self._check(result, bound, new.shape[1])
        return result

    def _follow(self, new: np.ndarray) -> None:
        """Bring the rows to the tokens `new` (R, N)."""
        before = new[:, :-1]
        if not (before.shape == self._seen.shape and np.array_equal(before, self._seen)):
            self._rows = [self._nearest(index, new) for index in range(len(new))]
            latest = new.tolist()
        else:
            latest = new[:, -1:].tolist()
        for row, tokens in zip(self._rows, latest, strict=True):
            if row is None:
                continue
            for token in tokens[len(tokens) - (new.shape[1] - len(row.tokens)) :]:
                row.take(token, self._eos)
        self._seen = new.copy()

    def _nearest(self, index: int, new: np.ndarray) -> _Row | None:
        """The row of the same group that shares most tokens with row `index`, cut to these."""
        first = index - index % self._group
        shared = min(self._seen.shape[1], new.shape[1])
        same = self._seen[first : first + self._group, :shared] == new[index, :shared]
        lengths = same.cumprod(axis=1).sum(axis=1) if shared else np.zeros(self._group, dtype=np.int64)
        lengths = 2 * lengths
        lengths[index - first] += 1  # itself, where others are as near
        row = self._rows[first + int(lengths.argmax())]
        return None if row is None else row.branch(int(lengths.max()) // 2)

    def _check(self, result: Tensor, bound: list[int], length: int) -> None:
        """Refuse to go on where no row of a group has a token left."""
        if not bound:
            return
        stuck = result.amax(-1).isneginf().tolist()
        for index in bound:
            first = index - index % self._group
            if all(stuck[first : first + self._group]):
                raise NumericsError(
                    f"row {index} has nothing to choose from after {length} new tokens: what its constraint allows is banned "
                    "by other processors, or not in the vocabulary"
                )


def constrain(
    constraint: Any, tokenizer: Any, context: Context, prompts: int, copies: int, moving: bool
) -> ConstraintLogitsProcessor:
    """The processor for `copies` rows for each of the prompts: a constraint for all, or a list with one for each (None: free).

    Args:
        moving: whether rows of one prompt take over each other's tokens.

    Raises:
        ArgumentError: the tokenizer is missing, or there are not as many constraints as prompts.
        ConfigError: a constraint cannot be kept or met, or there is no end token.
    """
    eos = [] if context.eos is None else context.eos.tolist()
    if tokenizer is None:
        raise ArgumentError("constraint needs the tokenizer: pass tokenizer=")
    if not eos:
        raise ConfigError("constraint needs an end token, by which a whole answer ends, and eos_token_id is None")
    constraints = list(constraint) if isinstance(constraint, list | tuple) else [constraint] * prompts
    if len(constraints) != prompts:
        raise ArgumentError(f"constraint holds {len(constraints)} constraints for {prompts} prompts; expected one for each")
    size = context.model.config.get_text_config(decoder=True).vocab_size
    compiler = vocabulary(tokenizer, size, tuple(eos))
    compiled: list[tuple[Any, Matcher | None]] = []
    for one in constraints:
        known = [matcher for other, matcher in compiled if other is one]
        compiled.append((one, known[0] if known else None if one is None else compiler.compile(as_constraint(one).grammar())))
    matchers = [matcher for _, matcher in compiled for _ in range(copies)]
    return ConstraintLogitsProcessor(matchers, context.prompt_length, copies if moving else 1, eos)
