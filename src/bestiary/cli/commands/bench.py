"""`bestiary bench`: how fast a model is and how much memory it takes, by settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.sizes import show_size
from .. import console
from ..cores import IdleCores
from ..options import Json, Revision
from .inspect import memory_size


def run(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A folder, a name on the hub, or a config alone: random weights.")
    ],
    dtype: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="Of the weights. [default: the checkpoint's]")
    ] = None,
    quantization: Annotated[
        list[str] | None, typer.Option("--quantization", "-q", metavar="NAME,...", help="none, 8bit, 4bit.")
    ] = None,
    attention: Annotated[list[str] | None, typer.Option(metavar="NAME,...", help="Attention kernels: sdpa, eager, ...")] = None,
    batch: Annotated[list[str] | None, typer.Option("--batch", "-b", metavar="N,...", help="Rows. [default: 1]")] = None,
    length: Annotated[
        list[str] | None, typer.Option("--length", "-l", metavar="N,...", help="Tokens of a row. [default: 128]")
    ] = None,
    new_tokens: Annotated[int, typer.Option("--new-tokens", "-n", min=1, help="Tokens to generate.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each combination.")] = 3,
    training: Annotated[bool, typer.Option("--training", "-t", help="Time training steps (AdamW) instead of calls.")] = False,
    class_name: Annotated[str | None, typer.Option("--class", help="Another class than the one that was saved.")] = None,
    device: Annotated[str, typer.Option(help="Where to run: cpu, cuda, cuda:1.")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on the CPU. By default the cores that are free.")] = None,
    memory: Annotated[str | None, typer.Option(help="Allow so much, for example 8GB. By default what is free.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a row for each combination.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write charts: a name with .html or .png.")] = None,
    json: Json = False,
    revision: Revision = None,
) -> None:
    """Measure load time, memory and speed of every combination, each in a process of its own, in turn."""
    limit = None if memory is None else memory_size(memory)
    cores = IdleCores()
    with console.working(f"looking at {model}"):
        from ...bench.preparing import prepared
        from ...bench.running import measured

        job, combinations = prepared(
            model, _words(dtype), _words(quantization), _words(attention), _numbers("--batch", batch, 1),
            _numbers("--length", length, 128), new_tokens=new_tokens, class_name=class_name, device=device, trains=training,
            threads=threads or cores.count(), csv=csv, picture=picture, limit=limit,
            hub={"revision": revision} if revision else {},
            tell=lambda name, plan, need: console.remark(
                f"{name}: about {show_size(need)} of memory, weights {show_size(plan.load.weights)}"
            ),
        )  # fmt: skip
    results: list[Any] = []
    try:
        for state in measured(job, combinations, rounds, console.remark):
            results = state
    except KeyboardInterrupt:
        console.remark("stopped; what was measured until then follows")
        _write(results, job, csv, picture, json)
        raise
    _write(results, job, csv, picture, json)
    if any(each.failed for each in results):
        raise typer.Exit(1)


def _write(results: Sequence[Any], job: Any, csv: Path | None, picture: Path | None, json: bool) -> None:
    from ...bench.picture import write_chart
    from ...bench.results import as_csv, as_table, records
    from ...core.files import write_text

    results = [each for each in results if each.rounds or each.failed]
    if not results:
        return
    if csv is not None:
        write_text(csv, as_csv(results))
    if picture is not None:
        write_chart(results, f"{Path(job.model).name or job.model} on {job.device}", picture)
    if json:
        console.write_json({"model": job.model, "random": job.random, "threads": job.threads, "results": records(results)})
    else:
        head, rows = as_table(results)
        if not console.on_terminal():
            print("\t".join(head))
        console.table(rows, head)


def _words(given: list[str] | None) -> list[str]:
    """Values that are repeated, or stand with commas between."""
    return [word.strip() for each in given or () for word in each.split(",") if word.strip()]


def _numbers(option: str, given: list[str] | None, default: int) -> list[int]:
    words = _words(given)
    for word in words:
        if not word.isdecimal() or int(word) < 1:
            raise typer.BadParameter(f"{option}: {word!r:.40} is no whole number from 1 on")
    return [int(word) for word in words] or [default]
