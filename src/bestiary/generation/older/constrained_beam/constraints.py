"""Words that a beam search must write (https://arxiv.org/abs/1804.06609): constraints, and how far a row has come with them."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any, Self

from ....core.errors import ConfigError, InputError
from ....nn.beams import DEAD

# Steps after which a constraint that was always given what it asked for must be met.
_ENOUGH = 10_000


class Constraint(ABC):
    """Something that a row must do token by token, without anything in between. Subclass it for your own.

    `__init__` of this class tries the object out (`test`): call it at the end of your own.

    Attributes:
        seqlen: steps from the start to the end, at most. completed: whether the end was reached.
    """

    seqlen: int
    completed: bool = False

    def __init__(self) -> None:
        self.test()

    def test(self) -> None:
        """Try whether tokens that the constraint asks for lead to its end.

        Raises:
            ConfigError: they do not, or its methods contradict each other.
        """
        kind = type(self).__name__
        self.reset()
        for _ in range(_ENOUGH):
            token = next(iter(_tokens(self.advance())), None)
            if token is None or not self.does_advance(token):
                raise ConfigError(f"{kind}.advance() returned {token!r}, which does_advance() does not take for a step ahead")
            stepped, completed, _ = self.update(token)
            if not stepped:
                raise ConfigError(f"{kind}.update({token}) took no step, although does_advance() said so")
            if completed:
                break
        else:
            raise ConfigError(f"{kind} asks for more after {_ENOUGH} steps")
        if self.remaining() != 0:
            raise ConfigError(f"{kind} says it is completed, and that {self.remaining()} steps remain")
        self.reset()

    @abstractmethod
    def advance(self) -> int | list[int] | None:
        """The token, or the tokens, of which one is a step ahead; None when there is nothing left to do."""

    @abstractmethod
    def does_advance(self, token_id: int) -> bool:
        """Whether `token_id` would be a step ahead."""

    @abstractmethod
    def update(self, token_id: int) -> tuple[bool, bool, bool]:
        """Take `token_id`, which was written; returns whether it was a step, whether that completed the constraint, and
        whether what was done so far is lost."""

    @abstractmethod
    def reset(self) -> None:
        """Forget what was done."""

    @abstractmethod
    def remaining(self) -> int:
        """Steps that remain, at most."""

    @abstractmethod
    def copy(self, stateful: bool = False) -> Self:
        """A new constraint like this one, with what was done if `stateful`."""


class DisjunctiveConstraint(Constraint):
    """One of several phrases, whichever.

    Args:
        nested_token_ids: the token ids of each; none may begin with another one, which would always come first.

    Raises:
        ConfigError: this is no list of lists of token ids, or one begins with another.
    """

    def __init__(self, nested_token_ids: list[list[int]]) -> None:
        if not isinstance(nested_token_ids, list) or not nested_token_ids:
            raise ConfigError(f"a choice of phrases is {nested_token_ids!r}; expected a list of lists of token ids")
        for phrase in nested_token_ids:
            _check_phrase(phrase)
        for phrase, other in permutations(nested_token_ids, 2):
            if other[: len(phrase)] == phrase:
                raise ConfigError(f"of the phrases to choose from, {other} begins with {phrase}, which always comes first")
        self.token_ids = nested_token_ids
        self.seqlen = max(map(len, nested_token_ids))
        self.current_seq: list[int] = []

    def advance(self) -> list[int] | None:
        done = len(self.current_seq)
        following = [phrase[done] for phrase in self.token_ids if len(phrase) > done and phrase[:done] == self.current_seq]
        return list(dict.fromkeys(following)) or None

    def does_advance(self, token_id: int) -> bool:
        return token_id in _tokens(self.advance())

    def update(self, token_id: int) -> tuple[bool, bool, bool]:
        if not self.does_advance(token_id):
            self.reset()
            return False, False, True
        self.current_seq = [*self.current_seq, token_id]
        self.completed = self.current_seq in self.token_ids
        return True, self.completed, False

    def reset(self) -> None:
        self.current_seq, self.completed = [], False

    def remaining(self) -> int:
        return 0 if self.completed else self.seqlen - len(self.current_seq)

    def copy(self, stateful: bool = False) -> Self:
        constraint = copy.copy(self)
        if not stateful:
            constraint.reset()
        return constraint


class PhrasalConstraint(DisjunctiveConstraint):
    """The tokens of a phrase, in a row, anywhere.

    Args:
        token_ids: of the phrase, without special tokens.

    Raises:
        ConfigError: this is no list of token ids.
    """

    def __init__(self, token_ids: list[int]) -> None:
        _check_phrase(token_ids)
        super().__init__([token_ids])

    def advance(self) -> int | None:  # type: ignore[override]
        following = super().advance()
        return following[0] if following else None


def _check_phrase(phrase: Any) -> None:
    if not isinstance(phrase, list) or not phrase:
        raise ConfigError(f"a phrase is {phrase!r}; expected a list of token ids")
    for token in phrase:
        if not isinstance(token, int) or isinstance(token, bool) or token < 0:
            raise ConfigError(f"a phrase holds {token!r}; expected token ids, whole numbers of at least 0")


def _tokens(tokens: int | list[int] | None) -> list[int]:
    return [] if tokens is None else [tokens] if isinstance(tokens, int) else list(tokens)


class ConstraintListState:
    """How far one row has come with several constraints, in any order, one at a time.

    A token that does not continue the constraint that is under way loses what was done of it, and is not looked at again as
    the start of anything; completed ones stay completed.

    Attributes:
        complete_constraints, inprogress_constraint, pending_constraints: the constraints by how far they have come.
        completed: whether all are met.
    """

    def __init__(self, constraints: Sequence[Constraint]) -> None:
        self.constraints = list(constraints)
        self.max_seqlen = max(constraint.seqlen for constraint in constraints)
        self.n_constraints = len(self.constraints)
        self.init_state()

    def init_state(self) -> None:
        """Begin from nothing."""
        self.completed = False
        self.complete_constraints: list[Constraint] = []
        self.inprogress_constraint: Constraint | None = None
        self.pending_constraints = [constraint.copy() for constraint in self.constraints]

    def get_bank(self) -> int:
        """How much is done: `max_seqlen` for each constraint that is met, and the steps of the one under way."""
        current = self.inprogress_constraint
        steps = 0 if current is None else self.max_seqlen - current.remaining()
        return len(self.complete_constraints) * self.max_seqlen + steps

    def advance(self) -> list[int] | None:
        """The tokens that are a step ahead; None when there is nothing left to do."""
        current = self.inprogress_constraint
        waiting = self.pending_constraints if current is None else [current]
        return [token for constraint in waiting for token in _tokens(constraint.advance())] or None

    def reset(self, token_ids: Iterable[int] | None) -> None:
        """Begin again, with the tokens of a row."""
        self.init_state()
        for token in token_ids or ():
            self.add(token)
            if self.completed:
                break

    def add(self, token_id: int) -> tuple[bool, bool]:
        """Take a token that was written; returns whether it met a constraint, and whether it was a step ahead."""
        if self.completed:
            return True, False
        current = self.inprogress_constraint
        if current is None:
            starting = [place for place, waiting in enumerate(self.pending_constraints) if waiting.does_advance(token_id)]
            if not starting:
                return False, False
            current = self.pending_constraints.pop(starting[0]).copy()
        stepped, complete, lost = current.update(token_id)
        if complete:
            self.complete_constraints.append(current)
            self.completed = not self.pending_constraints
        elif lost:
            self.pending_constraints.append(current.copy())
        self.inprogress_constraint = None if complete or lost else current
        return complete, stepped

    def copy(self, stateful: bool = True) -> "ConstraintListState":
        """A new state, with what was done if `stateful`."""
        state = copy.copy(self)
        if not stateful:
            state.init_state()
            return state
        # Those that wait, and those that are met, never change: both states may hold them.
        state.complete_constraints = list(self.complete_constraints)
        state.pending_constraints = list(self.pending_constraints)
        if self.inprogress_constraint is not None:
            state.inprogress_constraint = self.inprogress_constraint.copy(stateful=True)
        return state


def constraints_of(force_words_ids: Any, constraints: Any) -> list[Constraint]:
    """New constraints from both options of `GenerationConfig`.

    Args:
        force_words_ids: for each thing to write its token ids (`PhrasalConstraint`), or a list of several such lists of
            which one is enough (`DisjunctiveConstraint`).
        constraints: `Constraint` objects, which are copied.

    Raises:
        ConfigError: one of them is something else.
    """
    copies: list[Constraint] = []
    for name, value in (("force_words_ids", force_words_ids), ("constraints", constraints)):
        if value is not None and not isinstance(value, list | tuple):
            raise ConfigError(f"{name} is {value!r}; expected a list")
    for words in force_words_ids or ():
        several = isinstance(words, list) and bool(words) and isinstance(words[0], list)
        copies.append(DisjunctiveConstraint(words) if several else PhrasalConstraint(words))
    for constraint in constraints or ():
        if not isinstance(constraint, Constraint):
            raise ConfigError(f"constraints holds a {type(constraint).__name__}; expected Constraint objects")
        copies.append(constraint.copy())
    return copies


def check_tokens(constraints: Sequence[Constraint], vocabulary: int, banned: set[int], ends: set[int]) -> None:
    """Refuse phrases that no row can hold.

    Args:
        vocabulary: number of tokens. banned: tokens that are never written. ends: tokens after which there are no more.

    Raises:
        ConfigError: a phrase holds a token that does not exist; all of a choice hold one that is banned, or one that ends the
            row before its last.
    """
    for phrases in (constraint.token_ids for constraint in constraints if isinstance(constraint, DisjunctiveConstraint)):
        for phrase in phrases:
            if max(phrase) >= vocabulary:
                raise ConfigError(f"the phrase {phrase} holds a token that the vocabulary of {vocabulary} does not have")
        for tokens, cause in ((banned, "suppress_tokens bans {}"), (ends, "{} ends a row")):
            if all(tokens.intersection(phrase if tokens is banned else phrase[:-1]) for phrase in phrases):
                refused = sorted(tokens.intersection(phrases[0]))
                raise ConfigError(f"the phrase {phrases[0]} can never be written: {cause.format(refused)}")


def check_room(state: ConstraintListState, room: int) -> None:
    """Refuse constraints of which, after a prompt with `state`, not all can be met by `room` new tokens.

    Raises:
        InputError: there is no room for all of them.
    """
    current = state.inprogress_constraint
    needed = sum(map(_least, state.pending_constraints if current is None else [current, *state.pending_constraints]))
    if needed > room:
        raise InputError(
            f"the constraints ask for at least {needed} tokens and there is room for {room} new ones; raise max_new_tokens"
        )


def _least(constraint: Constraint) -> int:
    if isinstance(constraint, DisjunctiveConstraint):
        done = constraint.current_seq
        return min(len(phrase) - len(done) for phrase in constraint.token_ids if phrase[: len(done)] == done)
    return constraint.remaining()


def round_robin(banks: Sequence[float], totals: Sequence[float], count: int) -> list[int]:
    """The places of `count` hypotheses: the best of the fullest bank, of the next one, ..., then the second best of each.

    Those that cannot win come last, from whatever bank.

    >>> round_robin([1, 2, 2, 0, 1], [-1.0, -3.0, -2.0, -0.5, -4.0], 4)
    [2, 0, 3, 1]
    """
    places = range(min(len(banks), len(totals)))
    order = sorted(places, key=lambda place: (totals[place] < DEAD / 2, -banks[place], -totals[place]))
    before: dict[float, int] = {}
    turns = {}
    for place in order:
        turn = before[banks[place]] = before.get(banks[place], -1) + 1
        turns[place] = totals[place] < DEAD / 2, turn
    return sorted(order, key=turns.__getitem__)[:count]
