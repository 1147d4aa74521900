"""What running a template may cost: one budget that every operation is paid from, before it is done.

A unit stands for a few nanoseconds of work, and `BYTE` of them pay for a byte of memory: whatever a template combines ends
within about a second and some tens of megabytes. A conversation brings units of its own, in proportion to its size.
"""

import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import chain
from string import Formatter
from typing import Any, NoReturn, TypeVar, cast

from jinja2.exceptions import SecurityError

from ....core.errors import UnsafeFile

Value = TypeVar("Value")

BUDGET = 200_000_000
FOR_THE_CONVERSATION = 500  # units for each unit of its weight
OPERATION, LOOK_UP, NODE, ITEM, CHARACTER, SLOW_CHARACTER, BYTE = 1000, 600, 30, 250, 2, 100, 10
PART = 60  # bytes of a short text in a list
DEEPEST = 200
WIDEST = 1000

_VIEWS: Any = cast(Any, (type({}.keys()), type({}.values()), type({}.items())))
CONTAINERS = cast(Any, (dict, list, tuple, set, frozenset, range, *_VIEWS))
_WINDOWS = cast(Any, (range, *_VIEWS))  # `sys.getsizeof` does not count what they show
SIZED = cast(Any, (str, bytes, *CONTAINERS))
_CONTAINERS = frozenset(CONTAINERS)  # quicker to look a type up in
_PERCENT = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|\d*)(?:\.(\*|\d*))?")


class UnsafeTemplate(UnsafeFile, SecurityError):
    """A chat template does what no template may do; Jinja's error as well, for scripts that expect that of its sandbox."""

    code = "unsafe-template"


class _Account:
    """Units left to spend, and the conversation while it is not weighed yet: that happens once the common budget is used up."""

    __slots__ = ("left", "unweighed")

    def __init__(self, conversation: Any) -> None:
        self.left, self.unweighed = BUDGET, [conversation]


_account: ContextVar[_Account] = ContextVar("account")


def open_budget(variables: Any) -> None:
    """A fresh budget for rendering a template with `variables`."""
    _account.set(_Account(variables))


def refuse(what: str) -> NoReturn:
    """Raise `UnsafeTemplate` for a template that asks for `what`."""
    raise UnsafeTemplate(f"the chat template asks for {what}; no real conversation needs that")


def spend(units: int) -> None:
    """Take `units` from the budget; raises `UnsafeTemplate` when it is used up."""
    account = _account.get()
    account.left -= units
    if account.left >= 0:
        return
    if account.unweighed:
        conversation, left = account.unweighed.pop(), account.left
        account.left = sys.maxsize
        account.left = left + FOR_THE_CONVERSATION * weigh(conversation)
    if account.left < 0:
        refuse("more work than a conversation of this size is worth: its budget of time and memory is used up")


def _afford(units: int) -> None:
    """Refuse what cannot be paid for."""
    spend(units)
    _account.get().left += units


def metered(items: Any, units: int) -> Iterator[Any]:
    """The items, each paid for as it is taken."""
    units = abs(units)
    for item in items:
        spend(units)
        yield item


def weigh(value: Any, character: int = CHARACTER) -> int:
    """Units to go through `value` and everything in it; `character` of them for each character of a text."""
    return character * len(value) if isinstance(value, (str, bytes)) else measure(value, character)[0]


def measure(value: Any, character: int) -> tuple[int, int]:
    """`weigh`, and how deep `value` is nested. What stands in several places counts in each: it can be met endlessly."""
    units, level = 0, [value]
    for depth in range(DEEPEST):
        inner = []
        for item in level:
            kind = type(item)
            if kind is str:
                units += character * len(item)
            elif kind in _CONTAINERS or isinstance(item, CONTAINERS):
                inner.append(item)
            elif isinstance(item, (str, bytes)):
                units += character * len(item)
            elif isinstance(item, int):
                units += item.bit_length()
        units += ITEM * len(level)
        if not inner:
            return units, depth
        _afford(units + ITEM * sum(map(len, inner)))
        level = list(chain.from_iterable(inner))
        for item in inner:
            if isinstance(item, dict):
                level += item.values()
    refuse(f"something nested more than {DEEPEST} deep")


def memory(value: Any) -> int:
    """Bytes of a text or a container by itself; 0 for anything else."""
    if isinstance(value, _WINDOWS):
        return 8 * len(value)
    return sys.getsizeof(value) if isinstance(value, SIZED) else 0


def shown(value: Any) -> int:
    """Units to write `value` as text."""
    return BYTE * sys.getsizeof(value) if isinstance(value, str) else 2 * weigh(value, SLOW_CHARACTER)


def charge_memory(value: Value) -> Value:
    """`value`, with its memory paid for."""
    if isinstance(value, (str, bytes)):
        spend(BYTE * sys.getsizeof(value))
    elif isinstance(value, CONTAINERS):
        spend(BYTE * (sys.getsizeof(value) + PART * len(value)))
    return value


def small(number: Any, what: str = "a width") -> int:
    """A size that a template names, refused when no text is that wide; a text stands for its length."""
    size = len(number) if isinstance(number, str) else number if isinstance(number, int) else 0
    if size > WIDEST:
        refuse(f"{what} of {size}")
    return max(size, 0)


def for_percent(form: str, values: Any) -> int:
    """Units to write `values` into a text with fields such as `%s`."""
    return _for_form(form, form.count("%"), [width for field in _PERCENT.finditer(form) for width in field.groups()], values)


def for_fields(form: str, values: Any) -> int:
    """Units to write `values` into a text with fields such as `{}`."""
    spend(SLOW_CHARACTER * len(form))
    specs = [spec for *_, spec, _ in Formatter().parse(form) if spec is not None]
    return _for_form(form, len(specs), [width for spec in specs for width in re.findall(r"\d+|{", spec)], values)


def _for_form(form: str, fields: int, widths: list[str | None], values: Any) -> int:
    if "*" in widths or "{" in widths:
        refuse("a field whose width is a value")
    wide = sum(small(int(width[:9]), "a field") for width in widths if width)
    return BYTE * (sys.getsizeof(form) + 4 * wide) + max(fields, 1) * weigh(values, SLOW_CHARACTER)


def for_replacing(text: str, old: str, new: str) -> int:
    """Units to put `new` in the place of every `old`."""
    return CHARACTER * len(text) + BYTE * (sys.getsizeof(text) + text.count(old) * sys.getsizeof(new))


def for_joining(items: list[Any], separator: str) -> int:
    """Units to write `items` with `separator` between them."""
    return BYTE * sys.getsizeof(separator) * len(items) + sum(map(shown, items))


def for_splitting(text: str, separator: Any) -> int:
    """Units to cut `text`; without a separator every second character may be one."""
    parts = text.count(separator) + 1 if isinstance(separator, str) and separator else len(text) // 2 + 1
    return CHARACTER * len(text) + BYTE * (sys.getsizeof(text) + PART * parts)
