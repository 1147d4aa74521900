"""A benchmark as a page or a picture: one chart for each figure, in which each combination has its place."""

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ArgumentError
from ..core.files import write_text
from ..draw.curve import Curve
from ..draw.page import document
from ..draw.style import escaped
from .results import SPEEDS, as_table
from .running import Measured

_KINDS = (".png", ".html", ".htm")


def check_name(path: Path) -> None:
    """Raise `ArgumentError` where a name is no page's and no picture's."""
    if path.suffix.lower() not in _KINDS:
        raise ArgumentError(f"a picture is a page (.html) or a PNG (.png); found the name {path.name!r:.100}")


def write_chart(results: Sequence[Measured], title: str, path: Path) -> None:
    """Write it, as the name of the file says; every round is a dot.

    Raises:
        ArgumentError: the name is of neither. MissingDependency: a PNG, without matplotlib. SaveError: it cannot be written.
    """
    check_name(path)
    curves = charts_of(results)
    if path.suffix.lower() == ".png":
        from ..draw.picture import write_picture

        write_picture(curves, title, path)
        return
    head, rows = as_table(results)
    cells = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    titles = "".join(f"<th>{escaped(name)}</th>" for name in head)
    parts = [
        f"<header><h1>{escaped(title)}</h1></header>",
        f'<div class="charts">{"".join(f"""<div class="card">{curve.svg()}</div>""" for curve in curves)}</div>',
        f'<h2>Medians</h2><div class="card scroll"><table><tr>{titles}</tr>{cells}</table></div>',
    ]
    write_text(path, document(title, parts))


def charts_of(results: Sequence[Measured]) -> list[Curve]:
    """A chart of memory and of each speed; only names that differ are written at the places."""
    shown = [each for each in results if each.rounds]
    names = tuple(each.combination.name for each in shown)
    figures = {"peak": ("peak memory, MB", 1e-6), **{name: (heading, 1.0) for name, (heading, _) in SPEEDS.items()}}
    curves = []
    for figure, (heading, factor) in figures.items():
        points = [
            (float(place), each[figure] * factor)
            for place, result in enumerate(shown)
            for each in result.rounds
            if figure in each
        ]
        if points:
            unit = ", s" if figure.endswith("_s") and "per" not in figure else ""
            curves.append(Curve(heading + unit, {heading: points}, from_zero=True, kind="dots", x_title="", x_names=names))
    return curves
