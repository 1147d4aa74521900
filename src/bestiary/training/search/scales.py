"""Which axis suits values of a parameter, which may be numbers or words."""

from collections.abc import Sequence
from typing import Any

from ...draw.axes import Axis

# From so many times the smallest on, numbers lie better by powers of ten.
_WIDE = 50.0


def axis_of(values: Sequence[Any], title: str) -> tuple[Axis, list[float | None]]:
    """An axis, and each value as a number on it: itself, or the place of a word among all; None stays None."""
    known = [each for each in values if each is not None]
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in known):
        numbers = [None if each is None else float(each) for each in values]
        present = [each for each in numbers if each is not None]
        return Axis(present, title, is_wide(present)), numbers
    words = sorted({str(each) for each in known})
    places = [None if each is None else float(words.index(str(each))) for each in values]
    return Axis((), title, names=words), places


def is_wide(numbers: Sequence[float]) -> bool:
    """Whether powers of ten suit numbers better than equal steps."""
    return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) >= _WIDE
