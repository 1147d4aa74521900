"""Regular expressions that a file brings along, which match in bounded time: a stranger's could keep `re` busy for ever."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from .errors import ConfigError

LONGEST = 1000  # characters of an expression
_FEW = 10**7  # ways to match that `re` may try
_LONG = 200  # characters of a text, for that count
_MOST_STEPS = 200_000  # of a walk; usual expressions take some hundred
_KNOWN = {
    ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN, ops.BRANCH, ops.SUBPATTERN, ops.MAX_REPEAT, ops.MIN_REPEAT, ops.AT,
    ops.ASSERT, ops.ASSERT_NOT,
}  # fmt: skip

Item = tuple[Any, Any]


def matches(pattern: str, text: str, whole: bool = False) -> bool:
    """Whether `text` begins with what `pattern` stands for, or, `whole`, is that: `re.match` and `re.fullmatch`.

    Where few choices can go wrong `re` itself decides; else all ends that each part can have are followed together, which
    takes polynomial time. Back references, atomic groups and possessive repeats are not known then.

    Raises:
        ConfigError: it is no expression, is longer than 1000 characters, has what is not known here, or takes too long.
    """
    simple, items, ignores_case = _compiled(pattern)
    if simple is not None:
        return bool(simple.fullmatch(text) if whole else simple.match(text))
    ends = _Walk(pattern, text, ignores_case).ends(items, 0)
    return bool(ends >> len(text) & 1 if whole else ends)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, Any, bool]:
    """The expression for `re` where that is safe, else None; its parts; whether it ignores case."""
    if len(pattern) > LONGEST:
        raise ConfigError(
            f"the regular expression {pattern!r:.60}... has {len(pattern)} characters; expected at most {LONGEST}"
        )
    try:
        compiled, items = re.compile(pattern), parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"the regular expression {pattern!r:.120} cannot be read: {error}") from error
    ways = _ways(items)
    if ways is not None and ways <= _FEW:
        return compiled, items, False
    for op, value in _all(items):
        scoped = op is ops.SUBPATTERN and (value[1] or value[2])
        if op not in _KNOWN or scoped:
            raise ConfigError(
                f"the regular expression {pattern!r:.120} could take for ever, and has {str(op).lower()}, which cannot be"
                " matched in another way: write it simpler, or name what it stands for"
            )
    return None, items, bool(compiled.flags & re.IGNORECASE)


def _parts(op: Any, value: Any) -> list[Any]:
    """The expressions inside of an item."""
    if op is ops.BRANCH:
        return list(value[1])
    if op is ops.SUBPATTERN:
        return [value[3]]
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return [value[2]]
    if op in (ops.ASSERT, ops.ASSERT_NOT):
        return [value[1]]
    return [value] if op is ops.ATOMIC_GROUP else []


def _all(items: Any) -> Iterable[Item]:
    for op, value in items:
        yield op, value
        for part in _parts(op, value):
            yield from _all(part)


def _ways(items: Any) -> int | None:
    """At most how many ways there are to match a text; None: repeats hold choices, so that there may be any number."""
    ways = 1
    for op, value in items:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            if any(_parts(*each) or each[0] in (ops.GROUPREF, ops.GROUPREF_EXISTS) for each in value[2]):
                return None
            ways *= min(value[1] - value[0] + 1, _LONG)
        elif op is ops.GROUPREF_EXISTS:
            return None
        for part in _parts(op, value):
            inside = _ways(part)
            if inside is None:
                return None
            ways *= inside
        if op is ops.BRANCH:
            ways *= len(value[1])
    return ways


class _Walk:
    """Ends that parts of an expression can have in one text. Sets of places are bits of a number."""

    def __init__(self, pattern: str, text: str, ignores_case: bool) -> None:
        self.pattern, self.text, self.ignores_case = pattern, text, ignores_case
        self._known: dict[tuple[int, int], int] = {}
        self._steps = 0

    def ends(self, items: Any, start: int) -> int:
        """Where what begins at `start` can end."""
        known = self._known.get((id(items), start))
        if known is not None:
            return known
        places = 1 << start
        for op, value in items:
            places = self._after(op, value, places)
        self._known[id(items), start] = places
        return places

    def _after(self, op: Any, value: Any, places: int) -> int:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            return self._repeated(value[0], value[1], value[2], places)
        if op in (ops.BRANCH, ops.SUBPATTERN):
            return self._union(lambda place: self._either(_parts(op, value), place), places)
        if op in (ops.ASSERT, ops.ASSERT_NOT):
            return self._union(lambda place: (self._looks(value[0], value[1], place) == (op is ops.ASSERT)) << place, places)
        if op is ops.AT:
            return self._union(lambda place: self._is_at(value, place) << place, places)
        return self._union(lambda place: self._is_one(op, value, place) << place + 1, places)

    def _union(self, after: Callable[[int], int], places: int) -> int:
        result, place = 0, 0
        while places >> place:
            if places >> place & 1:
                self._steps += 1
                if self._steps > _MOST_STEPS:
                    raise ConfigError(f"the regular expression {self.pattern!r:.120} takes too long on {self.text!r:.80}")
                result |= after(place)
            place += 1
        return result

    def _either(self, parts: list[Any], place: int) -> int:
        result = 0
        for part in parts:
            result |= self.ends(part, place)
        return result

    def _repeated(self, least: int, most: int, part: Any, places: int) -> int:
        def once(starts: int) -> int:
            return self._union(lambda place: self.ends(part, place), starts)

        for _ in range(least):
            after = once(places)
            if after == places:  # and stays so
                break
            places = after
        fresh, left = places, most - least
        while fresh and left:
            fresh = once(fresh) & ~places
            places |= fresh
            left -= 1
        return places

    def _looks(self, direction: int, part: Any, place: int) -> bool:
        if direction > 0:
            return bool(self.ends(part, place))
        return any(self.ends(part, start) >> place & 1 for start in range(place + 1))

    def _is_at(self, where: Any, place: int) -> bool:
        if where in (ops.AT_BEGINNING, ops.AT_BEGINNING_STRING):
            return place == 0
        if where in (ops.AT_END, ops.AT_END_STRING):
            return place == len(self.text)
        sides = [bool(re.match(r"\w", side)) for side in (self.text[max(0, place - 1) : place], self.text[place : place + 1])]
        return (sides[0] != sides[1]) == (where is ops.AT_BOUNDARY)

    def _is_one(self, op: Any, value: Any, place: int) -> bool:
        """Whether the character at `place` is one that the item stands for."""
        if place >= len(self.text):
            return False
        letter = self.text[place]
        forms = {letter, letter.lower(), letter.upper()} if self.ignores_case else {letter}
        if op is ops.ANY:
            return letter != "\n"
        if op is ops.LITERAL:
            return any(ord(form) == value for form in forms if len(form) == 1)
        if op is ops.NOT_LITERAL:
            return all(ord(form) != value for form in forms if len(form) == 1)
        negated = value[0][0] is ops.NEGATE
        return negated != any(_in_class(each, form) for each in value[negated:] for form in forms if len(form) == 1)


_CATEGORIES = {
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
}


def _in_class(item: Item, letter: str) -> bool:
    kind, value = item
    if kind is ops.CATEGORY:
        return re.match(_CATEGORIES[value], letter) is not None
    return bool(ord(letter) == value if kind is ops.LITERAL else value[0] <= ord(letter) <= value[1])
