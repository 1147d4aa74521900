"""Padding of columns of numbers to one length: what `tokenizer.pad` and the data collators do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import ArgumentError, CapacityError, InputError
from ...core.explicit_enum import ExplicitEnum
from ...core.kinds import fits
from ..batch import is_torch

# A row longer than this exhausts the memory before any model sees it.
LONGEST = 2**27

STRATEGIES = ("longest", "max_length", "do_not_pad")


class PaddingStrategy(ExplicitEnum):
    """What `padding` of a tokenizer may be."""

    LONGEST = "longest"
    MAX_LENGTH = "max_length"
    DO_NOT_PAD = "do_not_pad"


def padding_strategy(padding: bool | str) -> str:
    """The strategy that a `padding=` value means."""
    value = getattr(padding, "value", padding)
    if value is True:
        return "longest"
    if value is False or value is None:
        return "do_not_pad"
    if value not in STRATEGIES:
        raise ArgumentError(f"padding is {padding!r}; expected True, False or one of {', '.join(STRATEGIES)}")
    return str(value)


@dataclass(frozen=True)
class Padding:
    """How to pad: to the longest row, or to `max_length`; then up to a multiple of `multiple`; on `side`."""

    strategy: str = "longest"
    max_length: int | None = None
    multiple: int | None = None
    side: str = "right"

    def __post_init__(self) -> None:
        if self.side not in ("left", "right"):
            raise ArgumentError(f"padding_side is {self.side!r}; expected 'left' or 'right'")
        for name, value in (("max_length", self.max_length), ("pad_to_multiple_of", self.multiple)):
            if value is not None and not fits(value, int):
                raise ArgumentError(f"{name} is {value!r:.60}; expected a whole number of tokens")
        if self.multiple is not None and self.multiple < 0:
            raise ArgumentError(f"pad_to_multiple_of is {self.multiple}; expected at least 1, or 0 or None for any length")

    def target(self, lengths: Sequence[int]) -> int:
        """The common length for rows of these lengths; a row that is longer stays as it is.

        Raises:
            CapacityError: it is more than a machine has room for.
        """
        target = max(lengths, default=0)
        if self.strategy == "max_length" and self.max_length is not None:
            target = self.max_length
        target = target if not self.multiple else -(-target // self.multiple) * self.multiple
        if target > LONGEST:
            raise CapacityError(f"padding to {target} tokens a row was asked for; at most {LONGEST} are possible")
        return target

    def extend(self, row: list[Any], target: int, value: Any) -> list[Any]:
        """`row` with `value` repeated up to `target` items."""
        missing = [value] * (target - len(row))
        return row + missing if self.side == "right" else missing + row


def padding_of(
    value: bool | str, length: int | None, multiple: int | None, side: str, warn: Callable[[str, str], None]
) -> Padding | None:
    """What `padding=value` asks for, None for nothing; `length` is the `max_length`, `warn` takes a code and a message."""
    strategy = padding_strategy(value)
    if strategy == "max_length" and length is None:
        warn("no-length", "padding='max_length' pads nothing: neither max_length nor model_max_length is set")
    if strategy == "do_not_pad" or (strategy == "max_length" and length is None):
        return None
    return Padding(strategy, length, multiple, side)


def pad_columns(columns: Mapping[str, Any], fill: Mapping[str, Any], padding: Padding) -> dict[str, Any]:
    """Pad each column that `fill` names with its value; other columns are passed on.

    Args:
        columns: name -> rows of numbers, or one row; `fill`: name -> the number to pad with.
    """
    main = next(iter(columns))
    rows = columns[main]
    single = not rows or not isinstance(rows[0], list | tuple)
    if single and not rows:
        return dict(columns)
    target = padding.target([len(row) for row in ([rows] if single else rows)])
    padded: dict[str, Any] = {}
    for name, column in columns.items():
        if name not in fill:
            padded[name] = column
        elif single:
            padded[name] = padding.extend(list(column), target, fill[name])
        else:
            padded[name] = [padding.extend(list(row), target, fill[name]) for row in column]
    return padded


def columns_of(encoded: Any, main: str) -> dict[str, Any]:
    """The examples as columns of plain lists, `main` first: from a mapping of columns, or a list of mappings.

    Raises:
        InputError: there is no column `main`, or an example lacks a column of the others.
    """
    if isinstance(encoded, list | tuple) and encoded and all(isinstance(item, Mapping) for item in encoded):
        names = list(encoded[0])
        for number, item in enumerate(encoded):
            if set(item) != set(names):
                raise InputError(
                    f"example {number} has the columns {sorted(item)}, the first one {sorted(names)}; they must agree"
                )
        encoded = {name: [item[name] for item in encoded] for name in names}
    if not isinstance(encoded, Mapping) or main not in encoded:
        columns = list(encoded) if isinstance(encoded, Mapping) else type(encoded).__name__
        raise InputError(f"padding needs examples with {main!r}; found {columns}")
    ids = plain(encoded[main])
    nested = [isinstance(item, list | tuple) for item in ids] if isinstance(ids, list | tuple) else [True, False]
    if any(nested) and not all(nested):
        raise InputError(f"{main} is {ids!r:.60}; expected a row of numbers, or a list of rows")
    return {main: ids, **{name: plain(value) for name, value in encoded.items() if name != main}}


def plain(value: Any) -> Any:
    """Tensors and arrays, also those inside lists, as lists of numbers."""
    if is_torch(value) or type(value).__module__ == "numpy":
        return value.tolist()
    if isinstance(value, list | tuple) and value and not isinstance(value[0], int | float | str | bool):
        return [plain(item) for item in value]
    return value


def kind_of(encoded: Any, main: str) -> str | None:
    """ "pt" or "np" when the examples already hold tensors or arrays, so that padding gives back what it was given."""
    value = encoded
    while isinstance(value, Mapping | list | tuple) and value:
        value = value.get(main) if isinstance(value, Mapping) else value[0]
    return "pt" if is_torch(value) else "np" if type(value).__module__ == "numpy" else None
