"""Whether a value is of the kind that a field declares, and what to say when it is not. The kinds are type annotations."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .errors import ConfigError


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`; in an annotation: `Annotated[int, Range(1, 100)]`."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most  # which NaN is not


# A number beyond this stands in no published file; sizes derived from it would overflow or exhaust the memory.
FINITE = Range(-(2**40), 2**40)
SMALLEST = 2.0**-100  # of numbers that must be above 0
ABOVE_0, BELOW_1 = 5e-324, 1 - 2.0**-53  # the floating-point numbers next to them

# No published model comes near these; a file that exceeds them is hostile or broken, and would exhaust the memory.
Size = Annotated[int, Range(1, 2**20)]  # a width, a number of heads, ...
Length = Annotated[int, Range(1, 2**28)]  # a vocabulary, a context
Count = Annotated[int, Range(0, 2**20)]  # what there may be none of
Depth = Annotated[int, Range(0, 2**10)]  # layers; each takes milliseconds to build, before a weight is read
Experts = Annotated[int, Range(1, 2**10)]  # of a mixture; files hold the weights of each by themselves
Rate = Annotated[float, Range(0, 1)]  # a probability, the epsilon of a norm
Fraction = Annotated[float, Range(ABOVE_0, BELOW_1)]  # neither nothing nor all
Whole = Annotated[int, Range(0, FINITE.most)]
Natural = Annotated[int, Range(1, FINITE.most)]
Amount = Annotated[float, Range(0, 2**40)]
Positive = Annotated[float, Range(SMALLEST, 2**40)]
# The few that may be infinite, as published.
Endless = Annotated[float, Range(-math.inf, math.inf)]
EndlessAmount = Annotated[float, Range(0, math.inf)]
EndlessPositive = Annotated[float, Range(SMALLEST, math.inf)]


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of the annotated `kind`. Numbers are finite but in an endless `Range`; true and false are none."""
    return _judge(kind)(value)


@cache
def _judge(kind: Any) -> Callable[[Any], bool]:
    """The test whether a value is of this kind, made once for each kind."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any or isinstance(kind, str):
        return lambda value: True
    if origin is Annotated:
        base, limits = _is_real if parts[0] is float else _judge(parts[0]), parts[1:]
        return lambda value: base(value) and all(value in limit for limit in limits)
    if origin is Literal:
        return lambda value: any(type(value) is type(part) and value == part for part in parts)
    if kind is int:
        return lambda value: (type(value) is int or _number(value, Integral)) and value in FINITE
    if kind is float:
        return lambda value: _is_real(value) and value in FINITE
    if origin is None:
        types = NoneType if kind is None else (list, tuple) if kind in (list, tuple) else kind
        return lambda value: isinstance(value, types)
    inner = [_judge(part) for part in parts if part is not Ellipsis]
    if origin in (Union, UnionType):
        first, *others = inner
        return lambda value: first(value) or any(judge(value) for judge in others)
    if origin is dict:
        of_key, of_value = inner
        return lambda value: isinstance(value, dict) and all(of_key(k) and of_value(v) for k, v in value.items())
    if origin is tuple and Ellipsis not in parts:
        exact = len(inner)
        return lambda value: _listed(value) and len(value) == exact and all(map(lambda j, v: j(v), inner, value))
    return lambda value: _listed(value) and all(map(inner[0], value))  # lists and their relatives, which JSON writes in one way


def _is_real(value: Any) -> bool:
    return type(value) is float or _number(value, Real)


def _number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", NoneType: "null", dict: "a table"}


def describe(kind: Any) -> str:
    """The kind in words: "a whole number from 1 to 10, or null"."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        least = "above 0" if 0 < parts[1].least <= SMALLEST else f"from {parts[1].least}"
        most = {FINITE.most: "", math.inf: "", BELOW_1: " and below 1"}.get(parts[1].most, f" to {parts[1].most}")
        return describe(parts[0]) if parts[1].least == -math.inf else f"{describe(parts[0])} {least}{most}"
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in (Union, UnionType):
        return ", or ".join(describe(part) for part in parts)
    if origin is dict:
        return f"a table of {describe(parts[0])}: {describe(parts[1])}"
    if origin is not None:
        return f"a list of {' and '.join(describe(part) for part in parts if part is not Ellipsis)}"
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def check(owner: str, name: str, value: Any, kind: Any) -> None:
    """Raise `ConfigError`, naming the field, what was found and what was expected, when `value` is not of its `kind`."""
    if not fits(value, kind):
        raise ConfigError(f"{owner}: {name} is {value!r:.80}; expected {describe(kind)}")
