"""Kinds of values: what fits an annotation, and how an error says what was expected."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import pytest

from bestiary.core.errors import ConfigError
from bestiary.core.kinds import Count, Endless, EndlessPositive, Positive, Range, Rate, Size, check, describe, fits


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [0, -3], [True, 1.0, "1", None, [1], 2**41]),
        (float, [0, 1.5, -1e9], [True, math.nan, math.inf, "1", None, 1e30]),
        (str, ["", "a"], [1, None, ["a"], b"a"]),
        (bool, [True, False], [0, 1, None, "yes"]),
        (int | None, [1, None], ["", 1.5]),
        (Size, [1, 2**20], [0, -1, 2**20 + 1, None, True]),
        (Count, [0, 5], [-1]),
        (Rate, [0, 0.5, 1], [-0.1, 1.1, math.nan]),
        (Positive, [1e-9, 3], [0, -1]),
        (Endless, [0, math.inf, -math.inf], [math.nan, True, "1"]),
        (EndlessPositive, [1, math.inf], [0, -math.inf, math.nan, None]),
        (list[int], [[], [1, 2], (1,)], [[1.5], 1, "12", {1}, None]),
        (Sequence[str], [["a"], ("b",)], ["ab", [1]]),
        (tuple[Size, Size], [[2, 3], (4, 5)], [[2], [2, 3, 4], [0, 3], 2]),
        (Size | tuple[Size, Size], [2, [2, 3]], [0, [0, 2]]),
        (list[list[int]], [[[1]], []], [[1], [["a"]]]),
        (dict[str, int], [{}, {"a": 1}], [{1: 1}, {"a": "b"}, [], None]),
        (dict[str, Any] | None, [None, {"a": object()}], ["a", {1: 2}]),
        (Any, [None, 1, "a", object()], []),
        (Annotated[int, Range(-1, 1)], [-1, 0, 1], [2]),
        ("not evaluated", [1, None], []),
    ],
)
def test_fits(kind: Any, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not fits(value, kind)] == []
    assert [value for value in bad if fits(value, kind)] == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "a whole number"),
        (bool, "true or false"),
        (Rate, "a number from 0 to 1"),
        (Positive, "a number above 0"),
        (EndlessPositive, "a number above 0"),
        (Endless, "a number"),
        (Size | None, "a whole number from 1 to 1048576, or null"),
        (list[str] | None, "a list of text, or null"),
        (tuple[int, float], "a list of a whole number and a number"),
        (dict[int, str], "a table of a whole number: text"),
    ],
)
def test_describe(kind: Any, words: str) -> None:
    assert describe(kind) == words


def test_check_names_field_value_and_kind() -> None:
    check("Thing", "width", 3, Size)
    with pytest.raises(ConfigError, match="^Thing: width is -3; expected a whole number from 1 to 1048576$"):
        check("Thing", "width", -3, Size)
    with pytest.raises(ConfigError) as caught:
        check("Thing", "width", "x" * 10**6, Size)
    assert len(str(caught.value)) < 200
