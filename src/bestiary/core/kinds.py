"""Whether a value is of the kind that a field declares, and what to say when it is not. The kinds are type annotations."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from .errors import ConfigError


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`; in an annotation: `Annotated[int, Range(1, 100)]`."""

    least: float
    most: float

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most


# A number beyond this stands in no published file; sizes derived from it would overflow or exhaust the memory.
FINITE = Range(-(2**40), 2**40)
SMALLEST = 2.0**-100  # of numbers that must be above 0

# No published model comes near these; a file that exceeds them is hostile or broken, and would exhaust the memory.
Size = Annotated[int, Range(1, 2**20)]  # a width, a number of heads, ...
Length = Annotated[int, Range(1, 2**28)]  # a vocabulary, a context
Count = Annotated[int, Range(0, 2**20)]  # what there may be none of
Depth = Annotated[int, Range(0, 2**14)]  # layers
Rate = Annotated[float, Range(0, 1)]  # a probability, the epsilon of a norm
Amount = Annotated[float, Range(0, 2**40)]
Positive = Annotated[float, Range(SMALLEST, 2**40)]


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of the annotated `kind`. Numbers are finite, and true and false are none."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any or isinstance(kind, str):
        return True
    if origin is Annotated:
        return fits(value, parts[0]) and all(value in limit for limit in parts[1:])
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if kind in (int, float):
        number = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
        return number and math.isfinite(value) and value in FINITE
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, parts[0]) and fits(v, parts[1]) for k, v in value.items())
    if origin is tuple and Ellipsis not in parts:
        return isinstance(value, list | tuple) and len(value) == len(parts) and all(map(fits, value, parts))
    if origin is not None:  # lists and their relatives, which JSON writes in one way
        return isinstance(value, list | tuple) and all(fits(item, parts[0]) for item in value)
    return isinstance(value, NoneType if kind is None else list | tuple if kind in (list, tuple) else kind)


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", NoneType: "null", dict: "a table"}


def describe(kind: Any) -> str:
    """The kind in words: "a whole number from 1 to 10, or null"."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        least = "above 0" if parts[1].least == SMALLEST else f"from {parts[1].least}"
        return f"{describe(parts[0])} {least}" + ("" if parts[1].most == FINITE.most else f" to {parts[1].most}")
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
