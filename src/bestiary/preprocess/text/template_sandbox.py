"""Running a template from a stranger: no attribute leads out of it, and neither loops nor texts grow without bound.

Jinja's immutable sandbox closes the ways out. What it leaves open is size: a few lines can ask for gigabytes or for hours.
So loops draw on a budget, and every operation that makes a text or a number checks its size first.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ...core.errors import InputError, UnsafeFile

MOST_CHARACTERS = 20_000_000
MOST_STEPS = 1_000_000
# The width of a field, as `%10d` and `{:10}` have it.
_LONG_NUMBER = re.compile(r"[%:{][^%:{}]{0,8}?\d{6,}")

_steps: ContextVar[list[int]] = ContextVar("steps")
_marks: ContextVar[tuple[str, str]] = ContextVar("marks")


def _refuse(what: str) -> None:
    raise UnsafeFile(f"the chat template asks for {what}; no real conversation needs that")


def _sized(value: Any) -> Any:
    if isinstance(value, str | bytes | list | tuple) and len(value) > MOST_CHARACTERS:
        _refuse(f"a text of {len(value)} characters")
    return value


def _check_arguments(values: Iterable[Any]) -> None:
    """Refuse what may grow without bound, before it does.

    A text operation makes at most as much as its two longest texts multiplied (replacing every letter by a text), or as all
    texts of a list together.
    """
    lengths = [0, 0]
    for value in values:
        if isinstance(value, int) and abs(value) > MOST_CHARACTERS:
            _refuse("a text or a list of hundreds of millions")
        elif isinstance(value, str):
            lengths.append(len(value))
        elif isinstance(value, list | tuple):
            lengths.append(sum(len(item) for item in value if isinstance(item, str)))
        elif isinstance(value, dict):
            lengths.append(max((len(item) for item in value.values() if isinstance(item, str)), default=0))
    *_, second, first = sorted(lengths)
    if first > MOST_CHARACTERS or first * second > 10 * MOST_CHARACTERS:
        _refuse(f"a text made of texts of {first} and {second} characters")


def _check_width(form: str) -> None:
    if _LONG_NUMBER.search(form):
        _refuse("a field of a million characters")


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        _check_arguments((*args, *kwargs.values()))
        return _sized(function(*args, **kwargs))

    return guarded


def _metered(items: Iterable[Any]) -> Iterator[Any]:
    """The items, counted against the budget of this rendering."""
    left = _steps.get()
    for item in items:
        left[0] -= 1
        if left[0] < 0:
            _refuse(f"more than {MOST_STEPS} steps of loops")
        yield item


def _concatenated(parts: list[Any]) -> str:
    texts = [str(part) for part in parts]
    if sum(map(len, texts)) > MOST_CHARACTERS:
        _refuse(f"a text of over {MOST_CHARACTERS} characters")
    return "".join(texts)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of chat templates, as they are published: trimmed blocks, loop controls, JSON without escapes."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
        self.filters["tojson"] = _to_json
        self.filters["format"] = _format
        self.filters = {name: _guarded(function) for name, function in self.filters.items()}
        self.filters["metered"], self.filters["concatenated"] = _metered, _concatenated
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = lambda form: datetime.now().strftime(form)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse products, powers and sums that would be huge."""
        if operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(text, str | list | tuple) and isinstance(times, int) and len(text) * times > MOST_CHARACTERS:
                    _refuse(f"a text of {len(text) * times} characters")
        if operator == "**" and isinstance(right, int | float) and (abs(right) > 64 or abs(left) > 1e18):
            _refuse(f"the power {left!r:.20} ** {right!r:.20}")
        if operator == "%" and isinstance(left, str):
            _check_width(left)
            _check_arguments((left, *(right if isinstance(right, tuple) else (right,))))
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > 4096:
            _refuse("a number of thousands of bits")
        return _sized(result)

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Refuse calls that would make something huge; a range is counted when a loop goes through it."""
        owner = getattr(getattr(function, "__wrapped__", function), "__self__", None)
        _check_arguments((owner if isinstance(owner, str) else "", *args, *kwargs.values()))
        if isinstance(owner, str) and function.__name__ in ("format", "format_map"):
            _check_width(owner)
        return _sized(super().call(context, function, *args, **kwargs))


class Generation(Extension):
    """`{% generation %} ... {% endgeneration %}` around what the assistant writes."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """The block as a call that can mark its text."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller: Callable[[], str]) -> str:
        start, end = _marks.get()
        return f"{start}{caller()}{end}"


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _format(form: str, *args: Any, **kwargs: Any) -> str:
    _check_width(form)
    return form % (kwargs or args)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    return Sandbox()


@lru_cache(maxsize=64)
def compiled(source: str) -> jinja2.Template:
    """The template ready to run; the same text is compiled once.

    Raises:
        jinja2.TemplateSyntaxError: with the line in `lineno`.
    """
    sandbox = _sandbox()
    tree = sandbox.parse(source)
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Filter(loop.iter, "metered", [], [], None, None, lineno=loop.lineno)
    _rewrite_joins(tree)
    tree.set_environment(sandbox)
    return sandbox.template_class.from_code(sandbox, sandbox.compile(tree, "chat template", "<chat template>"), sandbox.globals)


def _rewrite_joins(node: nodes.Node) -> None:
    """Replace `a ~ b` by a join that checks the size."""
    for name, value in list(node.iter_fields()):
        children = value if isinstance(value, list) else [value]
        for number, child in enumerate(children):
            if not isinstance(child, nodes.Node):
                continue
            _rewrite_joins(child)
            if isinstance(child, nodes.Concat):
                listed = nodes.List(child.nodes, lineno=child.lineno)
                children[number] = nodes.Filter(listed, "concatenated", [], [], None, None, lineno=child.lineno)
        setattr(node, name, children if isinstance(value, list) else children[0])


def run(source: str, variables: dict[str, Any], marks: tuple[str, str] = ("", "")) -> str:
    """Render; what stands in generation blocks comes between the two `marks`.

    Raises:
        jinja2.TemplateError: what the template itself raises, with its line in `lineno` and in a note.
        UnsafeFile: the template reaches for what it must not have, or for too much.
        InputError: it fails on this conversation.
    """
    template = compiled(source)
    _steps.set([MOST_STEPS])
    _marks.set(marks)
    pieces, size = [], 0
    try:
        for piece in template.generate(**variables):
            size += len(piece)
            if size > MOST_CHARACTERS:
                _refuse(f"a text of over {MOST_CHARACTERS} characters")
            pieces.append(piece)
    except jinja2.exceptions.SecurityError as error:
        raise UnsafeFile(f"the chat template does what no template may do: {error}") from error
    except jinja2.TemplateError as error:
        _add_line(error)
        raise
    except (RecursionError, OverflowError, MemoryError) as error:
        raise UnsafeFile(f"the chat template grows without bound: {error}") from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
        if isinstance(error, UnsafeFile):
            raise
        line = _add_line(error)
        raise InputError(f"the chat template fails on this conversation, in its line {line}: {error}") from error
    return "".join(pieces)


def _add_line(error: Exception) -> int | None:
    """Note on `error` the line of the template that it comes from."""
    line, frame = None, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<chat template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    if line is not None:
        error.lineno = line  # type: ignore[attr-defined]
        error.add_note(f"in line {line} of the chat template")
    return line
