"""What the live view of a training shows, as lines that fit into any terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.sizes import show_size
from ...draw.blocks import block_bar, block_curve
from ...draw.ticks import clock, label

# Evaluations that are shown, and widths of their columns.
_ROWS = 4
_WIDEST = 14


@dataclass
class Numbers:
    """What is known of a running training.

    Fields:
        step, steps: done and to do (None where it is not known). epoch, epochs: the same.
        elapsed, left: seconds; left is NaN where it is not known. rows, tokens: a second. memory: bytes.
        logged: the newest values. losses: all, or means of them. evaluations: (step, metrics), in their order.
        doing, done, of: batches of an evaluation or prediction that is running, `of` None where it is not known.
        checkpoint: the last. warnings: one line each. status: how it ended, "" while it runs.
    """

    title: str = ""
    step: int = 0
    steps: int | None = None
    epoch: float = 0.0
    epochs: float | None = None
    elapsed: float = 0.0
    left: float = math.nan
    rows: float = 0.0
    tokens: float = 0.0
    memory: int = 0
    logged: dict[str, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    evaluations: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    doing: str = ""
    done: int = 0
    of: int | None = None
    checkpoint: str = ""
    warnings: list[str] = field(default_factory=list)
    status: str = ""


def screen(numbers: Numbers, width: int, height: int, ascii_only: bool = False) -> Any:
    """The lines, none longer than `width`; the curve and the table are left out where the terminal is low."""
    from rich.console import Group
    from rich.text import Text

    lines: list[list[tuple[str, str]]] = [_title(numbers), _bar(numbers, width, ascii_only)]
    lines += _values(numbers, width)
    if height >= 14:
        lines += _curve(numbers, width, ascii_only)
    if height >= 20:
        lines += _table(numbers.evaluations, width)
    elif numbers.evaluations:
        step, metrics = numbers.evaluations[-1]
        lines.append(
            [(f"evaluated at {step}  ", "dim"), ("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), "")]
        )
    if numbers.doing:
        lines.append(_doing(numbers, width, ascii_only))
    if numbers.checkpoint:
        lines.append([("checkpoint ", "dim"), (numbers.checkpoint, "")])
    lines += [[(f"! {warning}", "yellow")] for warning in numbers.warnings[-3:]]
    texts = []
    for line in lines:
        text = Text(no_wrap=True, overflow="crop" if ascii_only else "ellipsis")
        for part, style in line:
            # A letter that moves the cursor would draw over what is not ours.
            text.append("".join(each if each.isprintable() else "?" for each in part), style or None)
        texts.append(text)
    return Group(*texts)


def _title(numbers: Numbers) -> list[tuple[str, str]]:
    style = {"finished": "bold green", "": "bold cyan"}.get(numbers.status, "bold red")
    return [(numbers.status or "training", style), (f" {numbers.title}", "bold"), (f"  {clock(numbers.elapsed)}", "dim")]


def _bar(numbers: Numbers, width: int, ascii_only: bool) -> list[tuple[str, str]]:
    if not numbers.steps:
        return [(f"{numbers.step:,} steps", "")]
    part = numbers.step / numbers.steps
    told = f" {numbers.step:,}/{numbers.steps:,} steps {math.floor(100 * part)}%"
    if math.isfinite(numbers.left) and not numbers.status:
        told += f" {clock(numbers.left)} left"
    done, rest = block_bar(part, min(60, width - len(told) - 1), ascii_only)
    return [(done, "green"), (rest, "dim"), (told, "")]


def _values(numbers: Numbers, width: int) -> list[list[tuple[str, str]]]:
    """Names and values, in as many lines as they need, but not more than three."""
    of = f"/{numbers.epochs:g}" if numbers.epochs is not None else ""
    told = [("epoch", f"{numbers.epoch:.4g}{of}")]
    names = {"loss": "loss", "grad_norm": "grad norm", "learning_rate": "lr"}
    told += [(names[name], f"{numbers.logged[name]:.4g}") for name in names if name in numbers.logged]
    told += [(name, f"{value:.4g}") for name, value in numbers.logged.items() if name not in names]
    told += [(name, label(round(each, 1))) for name, each in (("rows/s", numbers.rows), ("tokens/s", numbers.tokens)) if each]
    told += [("memory", show_size(numbers.memory))] if numbers.memory else []
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0
    for name, value in told:
        wide = len(name) + len(value) + 4
        if used and used + wide > width + 3:
            lines.append([])
            used = 0
        lines[-1] += [(f"{name} ", "dim"), (f"{value}   ", "")]
        used += wide
    return lines[:3]


def _curve(numbers: Numbers, width: int, ascii_only: bool) -> list[list[tuple[str, str]]]:
    finite = [loss for loss in numbers.losses if math.isfinite(loss)]
    if len(finite) < 2:
        return []
    room = min(64, width - 14)
    columns = [loss for loss in finite for _ in range(max(1, min(4, room // len(finite))))]
    rows = block_curve(columns, room, 3, ascii_only)
    ends = (f"{max(finite):.4g}", "loss", f"{min(finite):.4g}")
    return [[(f"{end:>10} ", "dim"), (row, "cyan")] for end, row in zip(ends, rows, strict=True)]


def _table(evaluations: Sequence[tuple[int, dict[str, float]]], width: int) -> list[list[tuple[str, str]]]:
    """The last evaluations, with as many metrics as there is room for."""
    if not evaluations:
        return []
    names = list(dict.fromkeys(name for _, metrics in evaluations[-_ROWS:] for name in metrics))
    fitting = max(1, (width - 10) // (_WIDEST + 1))
    names = names[:fitting]
    head = f"{'evaluated':>10}" + "".join(f" {_cut(name):>{_WIDEST}}" for name in names)
    lines = [[(head, "dim")]]
    for step, metrics in evaluations[-_ROWS:]:
        cells = "".join(f" {f'{metrics[name]:.4g}' if name in metrics else '':>{_WIDEST}}" for name in names)
        lines.append([(f"{step:>10}{cells}", "")])
    return lines


def _cut(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}~"


def _doing(numbers: Numbers, width: int, ascii_only: bool) -> list[tuple[str, str]]:
    if not numbers.of:
        return [(f"{numbers.doing} ", "magenta"), (f"{numbers.done:,} batches", "")]
    told = f" {numbers.done:,}/{numbers.of:,} batches"
    room = min(30, width - len(told) - len(numbers.doing) - 2)
    done, rest = block_bar(numbers.done / numbers.of, room, ascii_only)
    return [(f"{numbers.doing} ", "magenta"), (done, "magenta"), (rest, "dim"), (told, "")]
