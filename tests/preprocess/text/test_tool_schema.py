"""Python functions as JSON schemas, against the reference."""

from typing import Any, Literal, Optional, Union

import pytest
from transformers.utils import get_json_schema as reference

from bestiary.core.errors import InputError
from bestiary.preprocess.text.chat.tool_schema import get_json_schema


def multiply(a: float, b: float) -> float:
    """
    Multiply two numbers.

    Args:
        a: The first number
        b: The second number
    """
    return a * b


def many(
    a: int | str,
    b: Optional[dict[str, int]] = None,  # noqa: UP045
    c: tuple[int, str] = (1, ""),
    d: Literal["a", "b"] = "a",
    e: Any = None,
    f: list = [],  # noqa: B006
    g: int | float = 3,
    h: Optional[Union[int, str]] = None,  # noqa: UP007, UP045
    i: list[str] | None = None,
    j: bool = True,
    k: Literal[1, 2] = 1,
    l: list[dict[str, list[int]]] = [],  # noqa: B006, E741
) -> str:
    """Do several things,
    on two lines.

    Args:
        a: A
        b: B, over
            two lines
        c: C
        d: D (choices: ["a", "b"])
        e: E (really)
        f: F
        g: G: with a colon
        h: H
        i: I
        j: J
        k: K
        l: L

    Returns:
        str: The thing, over
            two lines.

    Raises:
        ValueError: never
    """
    return ""


def nothing() -> None:
    """No arguments."""


@pytest.mark.parametrize("function", [multiply, many, nothing])
def test_like_the_reference(function: Any) -> None:
    assert get_json_schema(function) == reference(function)


def test_by_hand() -> None:
    argument = lambda text: {"type": "number", "description": text}  # noqa: E731
    parameters = {
        "type": "object",
        "properties": {"a": argument("The first number"), "b": argument("The second number")},
        "required": ["a", "b"],
    }
    schema = get_json_schema(multiply)["function"]
    assert schema["parameters"] == parameters
    assert (schema["name"], schema["description"]) == ("multiply", "Multiply two numbers.")


def no_docstring(a: int) -> None: ...


def no_hint(a) -> None:
    """Do.

    Args:
        a: A
    """


def not_described(a: int) -> None:
    """Do."""


def no_schema(a: object) -> None:
    """Do.

    Args:
        a: A
    """


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_docstring, "no docstring"),
        (no_hint, "no type hint"),
        (not_described, "does not describe"),
        (no_schema, "no JSON schema"),
    ],
)
def test_what_is_missing_is_named(function: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        get_json_schema(function)
