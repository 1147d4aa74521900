"""How many of ten common one-line functions the model inside the package completes rightly, each found by running it.

The list was fixed before the model was trained for it; a completion counts by what it computes, not by how it is written.
"""

import ast
from typing import Any

import pytest

from bestiary import TextGenerationPipeline, pipeline
from bestiary.pipelines.defaults import embedded_model_path

Calls = list[tuple[tuple[Any, ...], Any]]

# Prompt -> arguments and what the completed function returns for them.
FUNCTIONS: dict[str, Calls] = {
    "def add(a, b): return": [((2, 3), 5), ((-1, 1), 0)],
    "def square(x): return": [((3,), 9), ((-4,), 16)],
    "def is_even(n): return": [((4,), True), ((7,), False)],
    "def maximum(a, b): return": [((2, 3), 3), ((5, 1), 5)],
    "def length(items): return": [(([1, 2, 3],), 3), (([],), 0)],
    "def first(items): return": [(([4, 5, 6],), 4), (("ab",), "a")],
    "def reverse(items): return": [(([1, 2, 3],), [3, 2, 1]), (([5, 4],), [4, 5])],
    "def total(numbers): return": [(([1, 2, 3],), 6), (([-1, 5],), 4)],
    "def absolute(x): return": [((-2,), 2), ((3,), 3)],
}
LOOP = "for i in range("
RIGHT = 4  # what the model now inside the package reaches


def returns_what_it_should(line: str, calls: Calls) -> bool:
    """Whether the one function that `line` defines gives for each of the arguments what is expected; an iterator may."""
    space: dict[str, Any] = {}
    try:
        exec(line, space)
        (function,) = (value for name, value in space.items() if name != "__builtins__")
        given = [function(*arguments) for arguments, _ in calls]
        return all(
            (list(value) if isinstance(right, list) else value) == right for value, (_, right) in zip(given, calls, strict=True)
        )
    except Exception:  # noqa: BLE001 (whatever stops it, such a function is not right)
        return False


def loops_over_a_range(line: str) -> bool:
    """Whether `line`, with a body if it has none, is a loop over a range of one to three values, none of them `self`."""
    try:
        (loop,) = ast.parse(line + (" pass" if line.rstrip().endswith(":") else "")).body
    except (SyntaxError, ValueError):
        return False
    if not (isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call) and 1 <= len(loop.iter.args) <= 3):
        return False
    return not any(isinstance(each, ast.Name) and each.id == "self" for each in loop.iter.args)


def first_line(generate: TextGenerationPipeline, prompt: str) -> str:
    """The prompt as the model completes it, as far as the end of the line."""
    text: str = generate(prompt, max_new_tokens=24)[0]["generated_text"]
    return text.splitlines()[0]


@pytest.fixture(scope="module")
def lines() -> dict[str, str]:
    generate = pipeline("text-generation", embedded_model_path())
    return {prompt: first_line(generate, prompt) for prompt in [*FUNCTIONS, LOOP]}


def test_how_many_of_ten_are_right(lines: dict[str, str]) -> None:
    right = {prompt: returns_what_it_should(lines[prompt], calls) for prompt, calls in FUNCTIONS.items()}
    right[LOOP] = loops_over_a_range(lines[LOOP])
    assert len(right) == 10
    assert sum(right.values()) == RIGHT, "\n".join(f"{right[prompt]!s:5} {lines[prompt]}" for prompt in right)


@pytest.mark.parametrize(("body", "right"), [("b + a", True), ("b", False), ("a +", False), ("missing(a, b)", False)])
def test_functions_are_judged_by_running_them(body: str, right: bool) -> None:
    prompt = "def add(a, b): return"
    assert returns_what_it_should(f"{prompt} {body}", FUNCTIONS[prompt]) == right


def test_an_iterator_is_a_reversed_list_too() -> None:
    assert returns_what_it_should("def reverse(items): return reversed(items)", FUNCTIONS["def reverse(items): return"])
    assert not returns_what_it_should("def reverse(items): return items", FUNCTIONS["def reverse(items): return"])


def test_loops_are_judged_by_parsing_them() -> None:
    assert loops_over_a_range("for i in range(len(values)):")
    assert loops_over_a_range("for i in range(3): print(i)")
    assert not loops_over_a_range("for i in range():")
    assert not loops_over_a_range("for i in range(self):")
    assert not loops_over_a_range("for i in range(3")
