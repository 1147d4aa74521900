"""What the commands show besides their text: tables, JSON, progress, remarks."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .streams import on_terminal as on_terminal
from .streams import takes_utf8


def write_json(value: Any) -> None:
    """Print one line of JSON, in ASCII where stdout takes no UTF-8."""
    print(json.dumps(value, ensure_ascii=not takes_utf8()))


def note(text: str) -> None:
    """A remark for a person: `remark`, and only on a terminal."""
    if on_terminal(sys.stderr):
        remark(text)


def remark(text: str) -> None:
    """What is said beside the answers: on stderr, dim on a terminal."""
    if not on_terminal(sys.stderr):
        print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console

    Console(stderr=True, highlight=False).print(text, style="dim", markup=False, soft_wrap=True)


def table(rows: Iterable[Sequence[str]], columns: Sequence[str] = (), title: str = "") -> None:
    """A table on a terminal; lines of values separated by tabs when piped."""
    if not on_terminal():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*columns, title=title or None, title_justify="left", show_header=bool(columns))
    for row in rows:
        drawn.add_row(*row)
    Console(highlight=False, markup=False).print(drawn)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on a terminal that `what` is going on."""
    if not on_terminal(sys.stderr):
        yield
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(what, spinner="dots" if console.encoding.startswith("utf") else "line"):
        yield


def tracked(items: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
    """`items`, with a progress bar on a terminal."""
    if not on_terminal(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total=total, console=Console(stderr=True), transient=True)
