"""Many small inputs become few full batches, and the batches' results become the inputs' results again.

A unit is what a model sees of one input (or of one piece of it): a dictionary whose tensors have rows first, and whatever
else the pipeline wants back. Units are sorted by length, so that a batch needs next to no padding.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..core.outputs import ModelOutput

Unit = Mapping[str, Any]
LARGEST_WINDOW = 1024  # units sorted together
WINDOW_BYTES = 1 << 26  # of inputs held ready at a time


@dataclass(frozen=True)
class BatchPadding:
    """How columns (1, T) of unequal T are brought together: what fills each, and on which side."""

    fill: Mapping[str, int]
    side: str = "right"

    def names(self, unit: Unit) -> set[str]:
        """The columns of `unit` that can be padded; none without a mask, which alone hides padding."""
        ids = unit.get("input_ids")
        if not isinstance(unit.get("attention_mask"), Tensor) or not isinstance(ids, Tensor) or ids.dim() != 2:
            return set()
        same = {name for name, value in unit.items() if isinstance(value, Tensor) and value.shape == ids.shape}
        return same & self.fill.keys()


def tensors(unit: Any) -> dict[str, Tensor]:
    """The tensors of a unit by name: the part of it that a model takes."""
    return {name: value for name, value in unit.items() if isinstance(value, Tensor)} if isinstance(unit, Mapping) else {}


def rows_of(unit: Any) -> int:
    """Rows of the unit's tensors; 1 where it has none."""
    return next((value.shape[0] for value in tensors(unit).values() if value.dim()), 1)


def windows(prepared: Iterable[list[Any]], least: int | None) -> Iterator[list[list[Any]]]:
    """Parts of the stream to work on at a time: `least` inputs, or (None) as many as are good to sort together.

    An input is the list of its units. Nothing is read beyond the inputs of the part that is given.
    """
    window: list[list[Any]] = []
    count = size = 0
    for units in prepared:
        window.append(units)
        count += len(units)
        size += sum(value.nbytes for unit in units for value in tensors(unit).values())
        if len(window) == least or (least is None and (count >= LARGEST_WINDOW or size >= WINDOW_BYTES)):
            yield window
            window, count, size = [], 0, 0
    if window:
        yield window


def plan(units: Sequence[Any], padding: BatchPadding, rows: int, budget: int | None) -> list[list[int]]:
    """Which units share a batch: of one shape, or of near lengths; at most `rows` rows and `budget` numbers per column;
    units without tensors run alone.

    The longest come first, so that memory that does not suffice is noticed at once.
    """
    shapes: dict[Any, list[int]] = {}
    lengths = []
    for index, unit in enumerate(units):
        if not tensors(unit):
            shapes[index] = [index]
            lengths.append(1)
            continue
        padded = padding.names(unit)
        lengths.append(unit["input_ids"].shape[1] if padded else 1)
        shape = tuple((name, None if name in padded else (v.shape[1:], v.dtype)) for name, v in tensors(unit).items())
        shapes.setdefault(shape, []).append(index)
    batches = []
    for alike in shapes.values():
        batch: list[int] = []
        used = 0
        for index in sorted(alike, key=lambda i: -lengths[i]):
            more = rows_of(units[index])
            longest = lengths[batch[0]] if batch else lengths[index]
            if batch and (used + more > rows or (budget is not None and (used + more) * longest > budget)):
                batches.append(batch)
                batch, used = [], 0
            batch.append(index)
            used += more
        batches.append(batch)
    return batches


def collate(units: Sequence[Unit], padding: BatchPadding) -> dict[str, Any]:
    """One batch of several units: tensors (B, ...) padded to the longest, everything else as a list with one entry a unit."""
    if len(units) == 1:
        return dict(units[0])
    padded = padding.names(units[0])
    batch: dict[str, Any] = {}
    for name, first in units[0].items():
        values = [unit[name] for unit in units]
        if not isinstance(first, Tensor):
            batch[name] = values
        elif name in padded:
            batch[name] = _pad(values, padding.fill[name], padding.side)
        else:
            batch[name] = torch.cat(values)
    return batch


def _pad(rows: Sequence[Tensor], fill: int, side: str) -> Tensor:
    longest = max(row.shape[1] for row in rows)
    if all(row.shape[1] == longest for row in rows):
        return torch.cat(list(rows))
    result = rows[0].new_full((sum(row.shape[0] for row in rows), longest), fill)
    start = 0
    for row in rows:
        count, length = row.shape
        place = slice(longest - length, longest) if side == "left" else slice(0, length)
        result[start : start + count, place] = row
        start += count
    return result


def each(values: list[Any]) -> Any:
    """One value for each unit of a batch, in the form that `split` gives back: a list, or for one unit the value itself."""
    return values[0] if len(values) == 1 else values


def split(output: Any, counts: Sequence[int]) -> list[Any]:
    """The output of a batch as one output per unit, which had `counts` rows each; the opposite of `collate`.

    Raises:
        ArgumentError: a tensor without rows, of which no unit has a part.
    """
    if len(counts) == 1:
        return [output]
    kind: Any = type(output) if isinstance(output, ModelOutput) else dict
    if isinstance(output, ModelOutput):
        # A cache is no result, and neither it nor one number for all rows can be taken apart by rows.
        rows = {name: value for name, value in output.items() if isinstance(value, Tensor | tuple)}
        output = {name: value for name, value in rows.items() if not isinstance(value, Tensor) or value.dim()}
    if isinstance(output, Mapping):
        parts = {name: _split_value(value, counts) for name, value in output.items()}
        return [kind(**{name: values[index] for name, values in parts.items()}) for index in range(len(counts))]
    return _split_value(output, counts)


def _split_value(value: Any, counts: Sequence[int]) -> list[Any]:
    if isinstance(value, Tensor):
        if not value.dim():
            raise ArgumentError(
                f"_forward gave one number ({value.item():.4g}) for a batch of {len(counts)} inputs; it must give a row for"
                " each (no answer may depend on what shares its batch), or call the pipeline with batch_size=1"
            )
        return list(value.split(list(counts)))
    if isinstance(value, tuple):
        return list(zip(*(_split_value(item, counts) for item in value), strict=True))
    if isinstance(value, list) and len(value) == len(counts):
        return value
    if isinstance(value, list) and len(value) == sum(counts):
        source = iter(value)
        return [list(islice(source, count)) for count in counts]
    return [value] * len(counts)


def to_device(value: Any, device: Any) -> Any:
    """`value` with every tensor in it on `device`."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, ModelOutput):
        return type(value)(**{name: to_device(item, device) for name, item in value.items()})
    if isinstance(value, dict):
        return {name: to_device(item, device) for name, item in value.items()}
    if isinstance(value, list | tuple):
        moved = [to_device(item, device) for item in value]
        return moved if isinstance(value, list) else tuple(moved)
    return value
