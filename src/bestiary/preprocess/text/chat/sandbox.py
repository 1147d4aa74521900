"""Running a template from a stranger: no attribute leads out of it, and what it does is paid from a budget.

Jinja's immutable sandbox closes the ways out. What it leaves open is size: a few lines can ask for gigabytes or for hours.
So every operation is paid for before it is done (`budget`).
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from itertools import islice
from types import BuiltinMethodType, MethodType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import FILTERS
from jinja2.parser import Parser
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from ....core.errors import InputError
from . import budget
from .budget import OPERATION, UnsafeTemplate, charge_memory, refuse, shown, small, spend, weigh

MOST_CHARACTERS = 20_000_000
LONGEST_SOURCE = 1_000_000
MOST_TOKENS = 30_000

# Filters that look at their value without going through it; that go through its items, but not into them; that are quick
# on texts; and those that may take time and memory for each pair of characters.
_FREE = frozenset({"length", "count", "default", "d", "first", "last", "attr", "items", "random", "abs"})
_EACH = frozenset({"map", "select", "reject", "selectattr", "rejectattr", "list", "batch", "slice", "reverse"})
_QUICK = frozenset({"trim", "upper", "lower", "capitalize", "string", "safe"})
_SQUARE = frozenset({"wordwrap", "striptags", "urlize", "pprint"})
# Where filters take a width: its place among the arguments, and its name.
_WIDTHS = {"center": (1, "width"), "indent": (1, "width"), "round": (1, "precision"), "slice": (2, "slices"),
           "batch": (1, "linecount")}  # fmt: skip
# Filters whose third argument may name attributes: `a.b.c`, or several with commas.
_KEYED = frozenset({"map", "selectattr", "rejectattr", "sort", "unique", "groupby", "min", "max"})
_COMPARING_TESTS = ("eq", "==", "equalto", "ne", "!=", "lt", "<", "lessthan", "gt", ">", "greaterthan", "le", "<=", "ge", ">=")
_PRICED_TESTS = (*_COMPARING_TESTS, "in", "lower", "upper")

_marks: ContextVar[tuple[str, str]] = ContextVar("marks")


def _price(name: str, values: list[Any]) -> int:
    """Units of the filter `name` on these arguments."""
    if name in _FREE:
        return 0
    if name in _EACH:
        return OPERATION // 2 * sum(len(value) for value in values if isinstance(value, budget.SIZED))
    quick = name in _QUICK
    units = sum(
        weigh(value, budget.CHARACTER if quick and isinstance(value, str) else budget.SLOW_CHARACTER) for value in values
    )
    return units if name not in _SQUARE else budget.BYTE * (units // budget.SLOW_CHARACTER) ** 2


def _keys(attribute: Any) -> int:
    return 1 + attribute.count(".") + attribute.count(",") if isinstance(attribute, str) else 1


def _charged(name: str, function: Any) -> Callable[..., Any]:
    """`function`, the filter or test `name`, such that each call takes its price from the budget before it runs."""
    place, keyword = _WIDTHS.get(name, (0, ""))

    @wraps(function)
    def charged(*args: Any, **kwargs: Any) -> Any:
        units = _price(name, [*args, *kwargs.values()])
        if name in _KEYED:
            units *= _keys(kwargs.get("attribute", args[2] if len(args) > 2 else ""))
        spend(OPERATION // 2 + units)
        if keyword:
            width = small(kwargs.get(keyword, args[place] if len(args) > place else 0))
            if name == "indent":
                spend(4 * budget.BYTE * width * str(args[0]).count("\n"))
        result = function(*args, **kwargs)
        return result if name in _FREE else charge_memory(result)

    return charged


class _Names(Namespace):
    """What `namespace()` makes; as text it does not show what it holds."""

    def __repr__(self) -> str:
        return "<namespace>"


@jinja2.pass_context
def _finalize(context: Any, value: Any) -> Any:
    spend(OPERATION // 4 + shown(value))
    return value


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of chat templates, as they are published: trimmed blocks, loop controls, JSON without escapes."""

    intercepted_binops = frozenset({"*", "**", "%", "+", "-"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols], finalize=_finalize, optimized=False
        )
        priced = {"tojson": _to_json, "format": _format, "replace": _replace, "join": _join, "sum": _sum}
        others = {name: function for name, function in self.filters.items() if name not in priced}
        self.filters = {**{name: _charged(name, function) for name, function in others.items()}, **priced, **_REWRITTEN}
        self.tests.update({name: _charged(name, self.tests[name]) for name in _PRICED_TESTS})
        del self.globals["lipsum"]
        self.globals["namespace"] = _Names
        self.globals["raise_exception"] = _raise
        self.globals["strftime_now"] = lambda form: datetime.now().strftime(form)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Besides what leads out, the methods of numbers and bytes, which no template needs."""
        return not isinstance(obj, int | bytes) and super().is_safe_attribute(obj, attr, value)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Pay for a key that holds others."""
        if isinstance(argument, tuple):
            spend(weigh(argument))
        return super().getitem(obj, argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Pay for texts and lists, refuse numbers that would be huge."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        spend(OPERATION if numbers else _price_of_binop(operator, left, right))
        if numbers and operator == "**" and (abs(right) > 64 or abs(left) > 1e18):
            refuse(f"the power {left!r:.20} ** {right!r:.20}")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > 4096:
            refuse("a number of thousands of bits")
        return result

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Pay for what a function goes through and makes; macros and loops are paid for inside."""
        if isinstance(function, Macro | LoopContext) or function is _Names:
            spend(OPERATION + budget.ITEM * (len(args) + len(kwargs)))
            return super().call(context, function, *args, **kwargs)
        spend(OPERATION + sum(map(weigh, (*args, *kwargs.values()))))
        bound = getattr(function, "__wrapped__", function)  # the sandbox wraps `format`
        owner = bound.__self__ if isinstance(bound, BuiltinMethodType | MethodType) else None
        if isinstance(owner, str):
            args = _pay_for_method(owner, bound.__name__, args, kwargs)
        elif isinstance(owner, list | tuple):
            spend(weigh(owner))
        result = super().call(context, function, *args, **kwargs)
        return result if isinstance(owner, dict) and bound.__name__ != "copy" else charge_memory(result)


def _price_of_binop(operator: str, left: Any, right: Any) -> int:
    if operator == "%" and isinstance(left, str):
        return OPERATION + budget.for_percent(left, right)
    if operator == "*":
        sizes = [budget.memory(one) * max(many, 0) for one, many in ((left, right), (right, left)) if isinstance(many, int)]
        return OPERATION + budget.BYTE * max(sizes, default=0)
    return OPERATION + budget.BYTE * (budget.memory(left) + budget.memory(right))


def _pay_for_method(text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Pay for a method of a text; returns the arguments, with those that could be gone through only once as a list."""
    if name in ("center", "ljust", "rjust", "zfill", "expandtabs"):
        width = max(map(small, (value for value in (*args, *kwargs.values()) if isinstance(value, int))), default=8)
        spend(4 * budget.BYTE * width * (text.count("\t") + 1))
    elif name == "join" and len(args) == 1:
        args = (list(args[0]),)
        spend(budget.for_joining(args[0], text))
    elif name == "replace" and len(args) > 1 and isinstance(args[0], str) and isinstance(args[1], str):
        spend(budget.for_replacing(text, args[0], args[1]))
    elif name in ("split", "rsplit", "splitlines"):
        spend(budget.for_splitting(text, kwargs.get("sep", args[0] if args else None)))
    elif name in ("format", "format_map"):
        spend(budget.for_fields(text, (args, kwargs)))
    elif name in _SQUARE:
        spend(budget.BYTE * len(text) ** 2)
    elif name == "translate":
        spend(budget.BYTE * len(text) * sum(map(weigh, args)))
    else:
        spend(budget.CHARACTER * len(text))
    return args


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
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    units, depth = budget.measure(value, budget.SLOW_CHARACTER)
    spend(OPERATION + units + units * depth * small(indent) // 10)  # a line for each item, indented by its depth
    return charge_memory(
        json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    )


def _format(form: Any, /, *args: Any, **kwargs: Any) -> str:
    spend(OPERATION + shown(form))
    form = str(form)
    spend(budget.for_percent(form, kwargs or args))
    text: str = form % (kwargs or args)
    return charge_memory(text)


def _replace(text: Any, old: Any, new: Any, count: int | None = None) -> str:
    spend(OPERATION + sum(map(shown, (text, old, new))))
    text, old, new = str(text), str(old), str(new)
    spend(budget.for_replacing(text, old, new))
    replaced: str = text.replace(old, new, -1 if count is None else count)
    return charge_memory(replaced)


@jinja2.pass_eval_context
def _join(context: Any, value: Any, d: Any = "", attribute: Any = None) -> str:
    items = list(budget.metered(value, budget.ITEM * _keys(attribute)))  # what can be gone through only once is counted first
    spend(OPERATION + shown(d) + budget.for_joining(items, str(d)))
    text: str = FILTERS["join"](context, items, d, attribute)
    return charge_memory(text)


@jinja2.pass_environment
def _sum(environment: Any, iterable: Any, attribute: Any = None, start: Any = 0) -> Any:
    items = list(budget.metered(iterable, OPERATION * _keys(attribute)))
    if not isinstance(start, int | float):  # lists: each sum is a new one
        spend((weigh(items) // budget.ITEM) ** 2 * budget.BYTE)
    return charge_memory(FILTERS["sum"](environment, items, attribute, start))


def _raise(message: Any) -> None:
    spend(shown(message))
    raise jinja2.TemplateError(message)


def _concatenated(parts: list[Any]) -> str:
    spend(OPERATION + 2 * sum(map(shown, parts)))
    return "".join(map(str, parts))


def _charge_reading(value: Any) -> Any:
    spend(weigh(value))
    return value


def _run_through(value: Any) -> Any:
    """Charge for `constant in value`: free for a dictionary, which has it or not; a unit price per item of a list or a text."""
    spend(0 if isinstance(value, dict) or not isinstance(value, budget.SIZED) else budget.ITEM * len(value))
    return value


def _body(units: int) -> None:
    spend(abs(units))


# Put into the tree by `_pay_in`; no template can write these names as filters, and they can only take from the budget.
_REWRITTEN: dict[str, Callable[..., Any]] = {
    "metered!": budget.metered, "charge memory!": charge_memory, "charge reading!": _charge_reading,
    "run through!": _run_through, "concatenated!": _concatenated, "body!": _body,
}  # fmt: skip


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    return Sandbox()


@lru_cache(maxsize=64)
def compiled(source: str) -> jinja2.Template:
    """The template ready to run; the same text is compiled once.

    Raises:
        jinja2.TemplateSyntaxError: with the line in `lineno`.
        UnsafeTemplate: it is too long, or nested too deep.
    """
    sandbox = _sandbox()
    if len(source) > LONGEST_SOURCE:
        refuse(f"{len(source)} characters of template; at most {LONGEST_SOURCE} are read")
    if sum(1 for _ in islice(sandbox.lex(source), MOST_TOKENS + 1)) > MOST_TOKENS:
        refuse(f"more than {MOST_TOKENS} words of template")
    tree = _pay_in(sandbox.parse(source))
    tree.set_environment(sandbox)
    return sandbox.template_class.from_code(sandbox, sandbox.compile(tree, "chat template", "<chat template>"), sandbox.globals)


def _call(name: str, node: Any, *constants: int) -> nodes.Filter:
    return nodes.Filter(node, name, [nodes.Const(constant) for constant in constants], [], None, None, lineno=node.lineno)


def _pay_in(node: Any) -> Any:
    """The tree with payments put in: for each turn of a loop, each call of a macro, and what Jinja does without asking."""
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_pay_in(one) if isinstance(one, nodes.Node) else one for one in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _pay_in(value))
    if isinstance(node, nodes.For | nodes.Macro | nodes.CallBlock | nodes.Block):
        units = OPERATION // 4 + sum(budget.BYTE * len(text.data) for text in node.find_all(nodes.TemplateData))
        units += budget.NODE * sum(1 for _ in node.find_all(nodes.Node))
        units += budget.LOOK_UP * sum(1 for _ in node.find_all((nodes.Getattr, nodes.Getitem)))
        if isinstance(node, nodes.For):
            node.iter = _call("metered!", node.iter, units)
        if not isinstance(node, nodes.For) or node.recursive:
            node.body.insert(0, nodes.ExprStmt(_call("body!", nodes.Const(units, lineno=node.lineno)), lineno=node.lineno))
    elif isinstance(node, nodes.Concat):
        return _call("concatenated!", nodes.List(node.nodes, lineno=node.lineno))
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        return _call("charge memory!", node)
    elif isinstance(node, nodes.Pair) and not isinstance(node.key, nodes.Const):
        node.key = _call("charge reading!", node.key)
    elif isinstance(node, nodes.Compare):
        _pay_for_comparing(node)
    return node


def _pay_for_comparing(node: nodes.Compare) -> None:
    """Comparing goes through both sides; with a short constant on one side it does not."""
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    brief = any(isinstance(side, nodes.Const) and len(str(side.value)) < 100 for side in sides) and len(sides) == 2
    inside = node.ops[0].op in ("in", "notin")
    if brief and inside and isinstance(node.expr, nodes.Const):
        node.ops[0].expr = _call("run through!", node.ops[0].expr)
    elif not brief or inside:
        node.expr = _call("charge reading!", node.expr)
        for operand in node.ops:
            operand.expr = _call("charge reading!", operand.expr)


def run(source: str, variables: dict[str, Any], marks: tuple[str, str] = ("", "")) -> str:
    """Render; what stands in generation blocks comes between the two `marks`.

    Raises, with the line of the template in the message and in `lineno`:
        jinja2.TemplateError: the template itself raises it, or is none.
        UnsafeTemplate: it reaches for what it must not have, or for too much (a `jinja2.exceptions.SecurityError` too).
        InputError: it fails on this conversation.
    """
    budget.open_budget(variables)
    _marks.set(marks)
    pieces, size = [], 0
    try:
        for piece in compiled(source).generate(**variables):
            size += len(piece)
            if size > MOST_CHARACTERS:
                refuse(f"a text of over {MOST_CHARACTERS} characters")
            pieces.append(piece)
    except (RecursionError, OverflowError, MemoryError, SyntaxError) as error:
        message = f"the chat template grows without bound or is nested too deep: {error}"
        raise _at_line(error, UnsafeTemplate(message)) from error
    except jinja2.TemplateError as error:
        if isinstance(error, UnsafeTemplate) or not isinstance(error, jinja2.exceptions.SecurityError):
            _at_line(error, error)
            raise
        raise _at_line(error, UnsafeTemplate(f"the chat template does what no template may do: {error}")) from error
    except Exception as error:
        raise _at_line(error, InputError(f"the chat template fails on this conversation: {error}")) from error
    return "".join(pieces)


def _at_line(cause: BaseException, error: Exception) -> Exception:
    """`error`, with the line of the template that `cause` comes from."""
    line, frame = cause.lineno if isinstance(cause, jinja2.TemplateSyntaxError) else None, cause.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<chat template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    if line is not None:
        text = error.message if isinstance(error, jinja2.TemplateSyntaxError) else error
        error.args = (f"{text} (line {line} of the chat template)",)
        error.lineno = line  # type: ignore[attr-defined]
    return error
