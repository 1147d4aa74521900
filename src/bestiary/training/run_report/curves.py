"""Which charts a report has, from a sorted log."""

import math
from itertools import pairwise

from ...draw.curve import Curve
from ...draw.thinning import Point
from .facts import Facts
from .history import History

# Charts of metrics; more would make a page that nobody reads.
MOST_METRICS = 40
_TITLES = {"grad_norm": "Gradient norm", "learning_rate": "Learning rate", "num_input_tokens_seen": "Input tokens"}


def curves_of(history: History, facts: Facts) -> list[Curve]:
    """All curves of a run: losses, metrics, learning rate, gradient norm, throughput, then a user's own."""
    training, metrics = dict(history.training), history.metrics()
    losses = {"training": training.pop("loss", [])} | _named(metrics.pop("loss", {}), "evaluation")
    losses = {name: points for name, points in losses.items() if points}
    curves = [Curve("Loss", losses, _best(losses, facts), _spreads(losses), smooth=True)]
    for name, series in list(metrics.items())[:MOST_METRICS]:
        named = _named(series, name)
        curves.append(Curve(name, named, _best(named, facts)))
    for name in ("learning_rate", "grad_norm"):
        points = training.pop(name, [])
        wild = name == "grad_norm" and _spreads({name: points})
        curves.append(Curve(_TITLES[name], {name: points} if points else {}, log=wild, smooth=name == "grad_norm"))
    curves += _throughput(facts)
    curves += [Curve(_TITLES.get(name, name), {name: points}, smooth=True) for name, points in training.items()][:MOST_METRICS]
    return curves


def _named(series: dict[str, list[Point]], only: str) -> dict[str, list[Point]]:
    """By the name of the data; the only one has none."""
    return {data or only: points for data, points in series.items()}


def _best(series: dict[str, list[Point]], facts: Facts) -> Point | None:
    """The best evaluation, if it lies on one of these curves."""
    if facts.best_step is None or facts.best_value is None:
        return None
    best = (facts.best_step, facts.best_value)
    return best if any(best in points for name, points in series.items() if name != "training") else None


def _spreads(series: dict[str, list[Point]]) -> bool:
    """Whether values are of such different sizes that an even axis would hide the small ones."""
    values = sorted(y for points in series.values() for _, y in points if math.isfinite(y))
    return bool(values) and values[0] > 0 and values[-1] > 30 * values[len(values) // 2]


def _throughput(facts: Facts) -> list[Curve]:
    rows, tokens = [], []
    for (step, seconds, count), (later, end, until) in pairwise(facts.pace):
        if later > step and end > seconds:
            rows.append((later, (later - step) * facts.rows_of_update / (end - seconds)))
            tokens.append((later, (until - count) / (end - seconds)))
    curves = []
    if rows and facts.rows_of_update:
        curves.append(Curve("Rows a second", {"rows": rows}, from_zero=True, smooth=True))
    if any(value > 0 for _, value in tokens):
        curves.append(Curve("Tokens a second", {"tokens": tokens}, from_zero=True, smooth=True))
    return curves
