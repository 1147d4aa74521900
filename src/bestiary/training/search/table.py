"""The trials of a search as a table to be looked at."""

from collections.abc import Sequence
from typing import Any

from .trial_record import TrialRecord


def parameters_of(records: Sequence[TrialRecord]) -> list[str]:
    """The names of what was varied, in the order in which trials had them."""
    return list(dict.fromkeys(name for record in records for name in record.params))


def objectives_named(directions: Sequence[str]) -> list[str]:
    """The name of each objective."""
    return ["objective"] if len(directions) == 1 else [f"objective_{index}" for index in range(len(directions))]


def cells_of(records: Sequence[TrialRecord], directions: Sequence[str], best: set[str]) -> tuple[list[str], list[list[str]]]:
    """The heading and the rows of a table to be looked at; a star marks the best."""
    names, objectives = parameters_of(records), objectives_named(directions)
    heading = ["trial", *objectives, *names, "steps", "seconds", "status"]
    rows = []
    for record in records:
        mark = f"{record.name} *" if record.name in best else record.name
        reached = [short(each) for each in record.objectives] + ["-"] * len(objectives)
        params = [short(record.params[name]) if name in record.params else "-" for name in names]
        rows.append([mark, *reached[: len(objectives)], *params, str(record.steps), f"{record.seconds:.1f}", record.status])
    return heading, rows


def short(value: Any) -> str:
    """A value to be looked at: four digits, at most 24 letters."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"


def plain_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines whose columns are below each other."""
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    lines = [heading, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
