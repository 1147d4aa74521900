"""What is shown of the trials of a search: a table, and files in the folder of results."""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.files import folder_to_fill, write_text
from ...core.optional import available
from .trial_record import TrialRecord, best_of

CSV_NAME, HTML_NAME = "trials.csv", "trials.html"


def report(trainer: Any, records: Sequence[TrialRecord], directions: Sequence[str]) -> None:
    """Print the table of the trials, and write `trials.csv` and `trials.html` into `args.output_dir`, in the first process."""
    if not trainer.is_world_process_zero() or not records:
        return
    folder: Path = folder_to_fill(trainer.args.output_dir)
    best = {each.name for each in best_of(records, directions)} if any(each.counts for each in records) else set()
    write_text(folder / CSV_NAME, csv_of(records, directions))
    print_table(records, directions, best)


def parameters_of(records: Sequence[TrialRecord]) -> list[str]:
    """The names of what was varied, in the order in which trials had them."""
    return list(dict.fromkeys(name for record in records for name in record.params))


def objectives_named(directions: Sequence[str]) -> list[str]:
    """The name of each objective."""
    return ["objective"] if len(directions) == 1 else [f"objective_{index}" for index in range(len(directions))]


def csv_of(records: Sequence[TrialRecord], directions: Sequence[str]) -> str:
    """A row for each trial: its name, state, objectives, parameters, updates, seconds and error, in full digits."""
    names, objectives = parameters_of(records), objectives_named(directions)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "status", *objectives, *names, "steps", "seconds", "error"])
    for record in records:
        reached = [*record.objectives, *[""] * len(objectives)][: len(objectives)]
        params = [record.params.get(name, "") for name in names]
        writer.writerow([record.name, record.status, *reached, *params, record.steps, record.seconds, record.error or ""])
    return text.getvalue()


def print_table(records: Sequence[TrialRecord], directions: Sequence[str], best: set[str]) -> None:
    """Print a line for each trial: with `rich` where there is a terminal, else as plain text."""
    heading, rows = cells_of(records, directions, best)
    if available("rich") and sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*heading)
        for row, record in zip(rows, records, strict=True):
            table.add_row(*row, style="bold green" if record.name in best else None)
        Console().print(table)
    else:
        print(plain_table(heading, rows))  # noqa: T201 (this is what it is for)


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
