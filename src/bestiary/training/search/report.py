"""What is shown of the trials of a search: a table, and files in the folder of results."""

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.files import folder_to_fill, write_text
from ...core.logging import warn_once
from ...core.optional import available
from .table import cells_of, objectives_named, parameters_of, plain_table
from .trial_record import TrialRecord, best_of
from .trials_page import trials_page

CSV_NAME, HTML_NAME = "trials.csv", "trials.html"


def report(trainer: Any, records: Sequence[TrialRecord], directions: Sequence[str]) -> None:
    """Print the table of the trials, and write `trials.csv` and `trials.html` into `args.output_dir`, in the first process."""
    if not trainer.is_world_process_zero() or not records:
        return
    best = {each.name for each in best_of(records, directions)} if any(each.counts for each in records) else set()
    print_table(records, directions, best)
    try:
        folder: Path = folder_to_fill(trainer.args.output_dir)
        write_text(folder / CSV_NAME, csv_of(records, directions))
        title = trainer.args.run_name or f"Search in {folder.resolve().name}"
        write_text(folder / HTML_NAME, trials_page(records, directions, best, title))
    except Exception as error:  # noqa: BLE001 (hours of a search do not end because of a page about it)
        warn_once("no-trials-page", f"the trials were not written into {trainer.args.output_dir} ({error})")


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
