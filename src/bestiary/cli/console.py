"""What the commands share: tables, progress, where inputs come from, how a pipeline is opened."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import FileMissing


class FloatType(StrEnum):
    """The floating-point type of the weights of a model that a command opens."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


Dtype = Annotated[FloatType | None, typer.Option(help="By default what the checkpoint holds.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the hub.")]
Device = Annotated[str | None, typer.Option(help="Where to run: cpu, cuda, cuda:1, mps. By default the first accelerator.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def on_terminal(stream: Any = None) -> bool:
    """Whether `stream` (by default stdout) is a terminal rather than a pipe or a file."""
    return bool((stream or sys.stdout).isatty())


def write(text: str) -> None:
    """Print a piece of text at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_json(value: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """A remark for a person: on stderr, and only on a terminal."""
    if on_terminal(sys.stderr):
        from rich.console import Console

        Console(stderr=True, highlight=False).print(text, style="dim", markup=False)


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

    with Console(stderr=True).status(what):
        yield


def tracked(items: Iterable[Any], what: str, total: int | None) -> Iterator[Any]:
    """`items`, with a progress bar on a terminal."""
    if not on_terminal(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total=total, console=Console(stderr=True), transient=True)


def inputs(words: list[str], file: Path | None, what: str) -> list[str]:
    """The `words` of the command line, else the lines of `file`, else those of stdin (also when `-` is given).

    Raises:
        typer.BadParameter: there is nothing to read.
    """
    if file is not None:
        if words:
            raise typer.BadParameter(f"give {what} on the command line or in --file, not both")
        if not file.is_file():
            raise FileMissing(f"there is no file {file}")
        lines = file.read_text(encoding="utf-8").splitlines()
    elif words and words != ["-"]:
        return words
    elif not words and on_terminal(sys.stdin):
        raise typer.BadParameter(f"give {what} on the command line, in --file, or through a pipe")
    else:
        lines = sys.stdin.read().splitlines()
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise typer.BadParameter(f"{what}: nothing but empty lines was found")
    return texts


def open_pipeline(task: str, model: str | None, revision: str | None, device: str | None, dtype: str | None) -> Any:
    """The pipeline for `task` with `model`; imports torch."""
    with working(f"opening {model or 'the embedded model'}"):
        from ..pipelines.opening import pipeline
        from ..pipelines.registry import TaskName

        return pipeline(TaskName(task), model=model, revision=revision, device=device, dtype=dtype)


def printer(tokenizer: Any) -> Any:
    """A streamer that prints the new text as it comes."""
    from ..generation.streaming.text import TextStreamer

    class Printer(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            write(text)

    return Printer(tokenizer, skip_prompt=True, skip_special_tokens=True)
