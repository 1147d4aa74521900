"""Python functions as JSON schemas, against the reference."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Literal, Optional, Union

import pytest
from transformers.utils import get_json_schema as reference

from bestiary.compat.finder import old_module
from bestiary.core.errors import DocstringParsingException, InputError
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


class Drink(Enum):
    TEA = "tea"
    COFFEE = 2


def choosing(
    a: Drink,
    b: Literal["z", 1, "a", None, True],
    c: list[Drink],
    d: Drink | None = None,
    e: Literal[1.5] = 1.5,
    f: int = 1,
    g: str = "",
) -> None:
    """Choose.

    Args:
        a: A
        b: B
        c: C
        d: D
        e: E
        f: F (choices: [1, 2])
        g: G (choices: ["x, y", "z"])
    """


def test_choices() -> None:
    assert get_json_schema(choosing) == reference(choosing)
    assert list(get_json_schema(choosing)["function"]["parameters"]["properties"]["b"]["type"]) == [
        "string",
        "integer",
        "null",
        "boolean",
    ]


def _made(hints: dict[str, Any], text: str | None) -> Any:
    def tool(x: Any) -> None: ...

    tool.__annotations__, tool.__doc__ = hints, text
    return tool


@pytest.mark.parametrize(
    ("hints", "text"),
    [
        ({"x": int}, None),
        ({"x": int}, "D"),
        ({"x": int}, "D\n\nArgs:\n    y: a"),
        ({}, "D\n\nArgs:\n    x: a"),
        ({"x": set}, "D\n\nArgs:\n    x: a"),
        ({"x": bytes}, "D\n\nArgs:\n    x: a"),
        ({"x": tuple[int, ...]}, "D\n\nArgs:\n    x: a"),
        ({"x": Callable[[int], int]}, "D\n\nArgs:\n    x: a"),
        ({"x": Literal[b"a"]}, "D\n\nArgs:\n    x: a"),
        ({"x": Enum("None", [])}, "D\n\nArgs:\n    x: a"),
        ({"x": Enum("Pairs", {"A": (1, 2)})}, "D\n\nArgs:\n    x: a"),
    ],
    ids=range(11),
)
def test_errors_have_the_published_names(hints: dict[str, Any], text: str | None) -> None:
    names = []
    for function in (get_json_schema, reference):
        with pytest.raises(Exception, match=".") as raised:
            function(_made(hints, text))
        names.append(type(raised.value).__name__)
    assert names[0] == names[1]
    assert names[0] in ("DocstringParsingException", "TypeHintParsingException")


@pytest.mark.parametrize("choices", ["[1, 2,]", "[1, 2", "['a', 'b']", "a, b", "3"])
def test_choices_are_a_list_of_json(choices: str) -> None:
    tool = _made({"x": int}, f"D\n\nArgs:\n    x: a (choices: {choices})")
    with pytest.raises((ValueError, TypeError)):
        reference(tool)
    with pytest.raises(DocstringParsingException, match="choices of its argument 'x' with .* expected a list of JSON") as error:
        get_json_schema(tool)
    assert isinstance(error.value, ValueError)


def test_the_old_path() -> None:
    module = old_module("transformers.utils.chat_template_utils", ["get_json_schema"])
    assert module.get_json_schema is get_json_schema
    for name in ("DocstringParsingException", "TypeHintParsingException"):
        assert getattr(module, name).__module__ == "bestiary.core.errors"
        assert getattr(old_module("transformers.utils", [name]), name) is getattr(module, name)
