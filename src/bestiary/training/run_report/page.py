"""The page of a report: HTML that holds all it needs, for light and dark, for a wide screen and for a phone."""

import math
from collections.abc import Iterable, Sequence

from ...draw.page import document, table
from ...draw.style import escaped
from ...draw.ticks import clock
from .curves import MOST_METRICS, curves_of
from .facts import Facts, shown
from .history import History

# Rows of a table; the rest is counted.
_MOST_ROWS = 200


def page(history: History, facts: Facts) -> str:
    """The whole page. Everything that comes from the run is escaped; nothing of it runs, and nothing is fetched."""
    marks = {"resumed": list(facts.resumed)} if facts.resumed else {}
    curves = curves_of(history, facts)
    # Letters of a wide chart are too small for a phone, which gets another one.
    drawn = [
        f'<div class="card wide">{curves[0].svg(marks, 1180)}</div>',
        f'<div class="card narrow">{curves[0].svg(marks)}</div>',
    ]
    drawn += [f'<div class="card">{curve.svg(marks)}</div>' for curve in curves[1:]]
    hidden = len(history.metrics()) - 1 - MOST_METRICS
    parts = [
        f"<header><h1>{escaped(facts.title)}</h1>{_badge(facts)}</header>",
        f'<p class="faint">{escaped(facts.reason)}</p>' if facts.reason else "",
        _tiles(history, facts),
        f'<div class="charts">{"".join(drawn)}</div>',
        f'<p class="faint">{hidden} more metrics are in the table below.</p>' if hidden > 0 else "",
        _evaluations(history, facts),
        _left_out(history),
        _sections(facts),
        _arguments(facts),
    ]
    return document(facts.title, parts, facts.block())


def _badge(facts: Facts) -> str:
    return f'<span class="badge {escaped(facts.status)}">{escaped(facts.status)}</span>' if facts.status else ""


def _tiles(history: History, facts: Facts) -> str:
    """The few numbers that one looks for first."""
    tiles: list[tuple[str, str]] = []
    part = history.step < facts.steps < 1e15
    tiles.append((shown(history.step), f"of {shown(facts.steps)} steps" if part else "steps"))
    if history.epoch:
        tiles.append((f"{history.epoch:.4g}", "epochs"))
    losses = [value for _, value in history.training.get("loss", ()) if math.isfinite(value)]
    if losses:
        tiles.append((f"{losses[-1]:.4g}", "last training loss"))
    if facts.best_value is not None:
        tiles.append((f"{facts.best_value:.4g}", f"best metric, step {shown(facts.best_step)}"))
    elif history.evaluations and "loss" in history.evaluations[-1].metrics:
        tiles.append((f"{history.evaluations[-1].metrics['loss']:.4g}", "last evaluation loss"))
    seconds = facts.seconds or history.summary.get("train_runtime", 0.0)
    if seconds:
        tiles.append((clock(seconds), "duration"))
    if len(facts.pace) > 1 and facts.pace[-1][1] > facts.pace[0][1]:
        (step, start, _), (last, end, _) = facts.pace[0], facts.pace[-1]
        tiles.append((f"{(last - step) * facts.rows_of_update / (end - start):.4g}", "rows a second"))
    elif "train_samples_per_second" in history.summary:
        tiles.append((f"{history.summary['train_samples_per_second']:.4g}", "rows a second"))
    if history.left_out:
        tiles.append((str(len(history.left_out)), "updates left out"))
    cells = (f'<div class="card"><b>{escaped(value)}</b><span>{escaped(name)}</span></div>' for value, name in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>'


def _evaluations(history: History, facts: Facts) -> str:
    evaluations = history.evaluations
    if not evaluations:
        return ""
    names = list(dict.fromkeys(name for each in evaluations for name in each.metrics))
    several = any(each.data for each in evaluations)
    rows = []
    for each in evaluations[-_MOST_ROWS:]:
        metrics = (f"{each.metrics[name]:.5g}" if name in each.metrics else "" for name in names)
        data = (each.data or "evaluation",) if several else ()
        cells = [*data, shown(each.step), f"{each.epoch:.4g}", *metrics, clock(each.seconds)]
        rows.append((cells, ' class="best"' if each.step == facts.best_step else ""))
    head = [*(("data",) if several else ()), "step", "epoch", *names, "time"]
    return _table("Evaluations", head, rows, len(evaluations) - len(rows))


def _left_out(history: History) -> str:
    if not history.left_out:
        return ""
    names = ("step", "epoch", "loss", "grad_norm", "learning_rate")
    rows = [([shown(entry.get(name, "")) for name in names], "") for entry in history.left_out[-_MOST_ROWS:]]
    text = "Their gradient was not finite, so the weights stayed as they were."
    return _table("Updates left out", names, rows, len(history.left_out) - len(rows), text)


def _table(title: str, head: Sequence[str], rows: Sequence[tuple[Sequence[str], str]], hidden: int, text: str = "") -> str:
    text += f" The {hidden} earlier ones are not shown." if hidden > 0 else ""
    said = f'<p class="faint">{escaped(text.strip())}</p>' if text else ""
    return f'<h2>{title}</h2>{said}<div class="card scroll">{table(head, rows)}</div>'


def _sections(facts: Facts) -> str:
    checkpoints = {"Best checkpoint": facts.best_checkpoint, "Last checkpoint": facts.checkpoint}
    run = {name: value for name, value in checkpoints.items() if value}
    run |= {"Resumed at step": ", ".join(map(shown, facts.resumed))} if facts.resumed else {}
    sections = {name: dict(values) for name, values in facts.sections.items()}
    sections["Run"] = {**sections.get("Run", {}), **run}
    cards = [
        f'<div class="card"><h3>{escaped(name)}</h3>{_pairs(values.items())}</div>'
        for name, values in sections.items()
        if values
    ]
    return f'<h2>The run</h2><div class="facts">{"".join(cards)}</div>' if cards else ""


def _arguments(facts: Facts) -> str:
    if not facts.arguments:
        return ""
    return f'<h2>Arguments that differ from defaults</h2><div class="card">{_pairs(sorted(facts.arguments.items()))}</div>'


def _pairs(values: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{escaped(name)}</th><td>{escaped(value)}</td></tr>" for name, value in values)
    return f'<table class="pairs">{rows}</table>'
