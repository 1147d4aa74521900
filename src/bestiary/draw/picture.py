"""Curves side by side as a picture (PNG), by matplotlib."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.files import replacing
from ..core.optional import require
from .curve import Curve
from .thinning import smoothed, thinned

# Charts of a picture: more would be too small to read.
_MOST = 12
_COLUMNS = 3
_MANY = 40


def write_picture(curves: Sequence[Curve], title: str, path: Path, lines: Sequence[float] = ()) -> None:
    """Draw the curves side by side into a PNG, the first twelve.

    Args:
        lines: where dashed upright lines are.

    Raises:
        MissingDependency: matplotlib is not installed. SaveError: the file could not be written.
    """
    require("matplotlib", "a picture")
    # Nothing of `pyplot`: it would change what a user's own figures look like, and look for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = curves[:_MOST]
    rows = math.ceil(len(curves) / _COLUMNS)
    columns = min(_COLUMNS, len(curves))
    wide, high = 5.2 * columns, 3.4 * rows + 0.5
    figure = Figure(figsize=(wide, high))
    FigureCanvasAgg(figure)
    # In inches, as letters are; a layout found by matplotlib takes most of the time.
    figure.subplots_adjust(0.6 / wide, 0.5 / high, 1 - 0.2 / wide, 1 - 0.8 / high, wspace=0.2, hspace=0.36)
    figure.suptitle(_plain(title))
    for number, curve in enumerate(curves):
        axes = figure.add_subplot(rows, columns, number + 1)
        _draw(axes, curve)
        for place in lines:
            axes.axvline(place, color="0.5", linestyle=":", linewidth=1)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def _draw(axes: Any, curve: Curve) -> None:
    axes.set_title(_plain(curve.title), loc="center", fontsize=10)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    for number, (name, points) in enumerate(curve.series.items()):
        finite = [(x, y) for x, y in points if math.isfinite(y)]
        colour = f"C{number % 10}"
        smooth = curve.smooth and len(finite) >= _MANY
        thin = thinned(finite, 800)
        dots = curve.kind == "dots"
        marker = "o" if dots else "." if len(finite) <= 30 else ""
        axes.plot(*_columns(thin), color=colour, marker=marker, linestyle="" if dots else "-",
                  alpha=0.3 if smooth else 1, linewidth=0.8 if smooth else 1.5,
                  label=None if smooth else _plain(name))  # fmt: skip
        if smooth:
            axes.plot(*_columns(smoothed(finite, max(5, len(finite) // 30), 800)), color=colour, label=_plain(name))
    if curve.best is not None:
        axes.plot(*curve.best, "o", color="black", fillstyle="none", markersize=9, label=f"best {curve.best[1]:.4g}")
    if curve.log and any(y > 0 for points in curve.series.values() for _, y in points):
        axes.set_yscale("log")
    elif curve.from_zero:
        axes.set_ylim(bottom=0)
    if len(curve.series) > 1 or curve.best is not None:
        axes.legend(fontsize=8, frameon=False, loc="upper right")
    if curve.x_names:
        axes.set_xticks(range(len(curve.x_names)), [_plain(name) for name in curve.x_names], rotation=20, ha="right")
    axes.set_xlabel(_plain(curve.x_title), fontsize=9)
    axes.tick_params(labelsize=8)


def _columns(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _plain(text: str) -> str:
    """A text that is no formula to matplotlib, on one line."""
    short = " ".join("".join(each for each in text if each.isprintable() or each.isspace()).split())
    return (short if len(short) <= 60 else f"{short[:59]}…").replace("$", r"\$")
