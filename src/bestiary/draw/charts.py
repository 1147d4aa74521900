"""Charts as SVG: curves, dots, steps. A point says its values when pointed at; there is no script, font or address in them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from .axes import Axis, Frame, width_of
from .style import COLOURS, CSS, escaped
from .thinning import Point, smoothed, thinned
from .ticks import label

# Points of a curve that answer when pointed at, and points that are drawn at all.
_TIPS, _MOST = 50, 600
# From so many points on, a curve is smoothed if it may be.
_SMOOTH = 40


@dataclass(frozen=True)
class Series:
    """Points of one name.

    Fields:
        points: (x, y). A y that is not finite leaves a gap and is marked at the top; an x that is not is left out.
        kind: line, dots, or steps (each y holds until the next x). tips: what each point says instead of its values.
        smooth: draw a smoothed curve over a faint one where there are many points.
    """

    name: str
    points: Sequence[Point]
    kind: str = "line"
    tips: Sequence[str] | None = None
    smooth: bool = False


def chart(
    series: Sequence[Series],
    *,
    title: str = "",
    x_title: str = "",
    y_title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    x_names: Sequence[str] = (),
    from_zero: bool = False,
    show_x: Callable[[float], str] | None = None,
    show_y: Callable[[float], str] | None = None,
    marks: Mapping[str, Sequence[float]] | None = None,
    best: Point | None = None,
    empty: str = "nothing to draw",
    width: int = 460,
    height: int = 270,
    standalone: bool = False,
) -> str:
    """One SVG of some series.

    Args:
        title, x_title, y_title: of the whole and of the axes.
        log_x, log_y: axes by powers of ten; ignored where a value is 0 or less. from_zero: the y axis begins at 0.
        x_names: words at x = 0, 1, 2, ... instead of numbers. show_x, show_y: how a number at an axis is written.
        marks: dashed upright lines: what they mark -> where. best: a point to be ringed.
        empty: what is written where there is no point.
        width, height: in pixels, in which letters are 13 high; what shows the picture scales it.
        standalone: with its own colours, for a file; else it takes those of the page (`style.CSS`).
    """
    series = [each for each in series if len(each.points)]
    series = [_of_known_x(each) for each in series]
    every = [point for each in series for point in each.points]
    x = Axis((point[0] for point in every), x_title, log_x, names=x_names, show=show_x)
    y = Axis((point[1] for point in every), y_title, log_y, from_zero, show=show_y)
    legend = [(each.name, each.kind) for each in series] if len(series) > 1 else []
    frame = Frame(width, height, x, y, title, legend)
    if not every:
        frame.text((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, empty, anchor="middle")
    _draw_marks(frame, marks or {})
    for number, each in enumerate(series):
        dashed = " dashed" if number >= COLOURS else ""
        frame.parts.append(f'<g class="c{number % COLOURS}">')
        _draw(frame, each, dashed)
        frame.parts.append("</g>")
    if best is not None and all(map(math.isfinite, best)):
        _draw_best(frame, best)
    return picture(frame.parts, width, height, title, standalone)


def picture(parts: Sequence[str], width: int, height: int, title: str, standalone: bool) -> str:
    """An SVG of what was drawn, with a name for those who hear it read."""
    style = f'<style>{CSS}</style><rect width="100%" height="100%" fill="var(--card)"/>' if standalone else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escaped(title)}">{style}{"".join(parts)}</svg>'
    )


def _of_known_x(series: Series) -> Series:
    if all(math.isfinite(x) for x, _ in series.points):
        return series
    known = [index for index, (x, _) in enumerate(series.points) if math.isfinite(x)]
    tips = None if series.tips is None else [series.tips[index] for index in known]
    return Series(series.name, [series.points[index] for index in known], series.kind, tips, series.smooth)


def _draw(frame: Frame, series: Series, dashed: str) -> None:
    finite = [point for point in series.points if _drawable(frame, point)]
    if series.kind == "dots":
        tips = series.tips or [_tip(series.name, point) for point in series.points]
        for point, tip in zip(series.points, tips, strict=True):
            if _drawable(frame, point):
                frame.circle(frame.x(point[0]), frame.y(point[1]), 4, "dot", tip)
    else:
        smooth = series.smooth and len(finite) >= _SMOOTH
        points = thinned(series.points, _MOST)
        _path(frame, points, series.kind == "steps", "line raw" if smooth else f"line{dashed}")
        if smooth:
            _path(frame, smoothed(finite, max(5, len(finite) // 30), _MOST), False, f"line{dashed}")
        shown = finite[:: max(1, len(finite) // _TIPS)]
        for point in shown:
            dot = len(finite) <= 30 and series.kind == "line"
            frame.circle(
                frame.x(point[0]), frame.y(point[1]), 3 if dot else 6, "dot" if dot else "tip", _tip(series.name, point)
            )
    lost = [point for point in series.points if not math.isfinite(point[1])]
    for x, y in thinned(lost, 100):
        place, top = frame.x(x), frame.top
        tip = escaped(_tip(series.name, (x, y)))
        frame.parts.append(f'<path class="bad" d="M{place - 5:.1f} {top - 4:.1f}h10l-5 8z"><title>{tip}</title></path>')


def _drawable(frame: Frame, point: Point) -> bool:
    return math.isfinite(point[1]) and not (frame.y.log and point[1] <= 0) and not (frame.x.log and point[0] <= 0)


def _path(frame: Frame, points: Sequence[Point], steps: bool, kind: str) -> None:
    """One path of the points, broken where a y is not finite."""
    parts = []
    for drawable, group in groupby(points, key=lambda point: _drawable(frame, point)):
        places = [(frame.x(x), frame.y(y)) for x, y in group] if drawable else []
        for number, (x, y) in enumerate(places):
            place = f"{x:.1f} {y:.1f}"
            parts.append(f"M{place}" if not number else f"H{x:.1f}V{y:.1f}" if steps else f"L{place}")
        if len(places) == 1:  # a line of no length, which round ends make a dot
            parts.append("h0")
    if parts:
        frame.parts.append(f'<path class="{kind}" d="{"".join(parts)}"/>')


def _draw_marks(frame: Frame, marks: Mapping[str, Sequence[float]]) -> None:
    free = frame.left
    for x, name in sorted((x, name) for name, places in marks.items() for x in places):
        if not (math.isfinite(x) and frame.x.low <= x <= frame.x.high):
            continue
        place, wide = frame.x(x), width_of(name)
        frame.line(place, frame.top, place, frame.bottom, "mark", f"{name}: {label(x)}")
        right = place + 4 + wide <= frame.right
        begin = place + 4 if right else place - 4 - wide
        if begin >= free:  # names that would lie over each other are said when pointed at
            frame.text(place + (4 if right else -4), frame.bottom - 6, name, anchor="" if right else "end")
            free = begin + wide + 6


def _draw_best(frame: Frame, best: Point) -> None:
    if not _drawable(frame, best) or not frame.x.low <= best[0] <= frame.x.high:
        return
    x, y = frame.x(best[0]), frame.y(best[1])
    text = f"best {best[1]:.4g}"
    frame.circle(x, y, 7, "ring", text)
    half = width_of(text) / 2
    inside = min(max(x, frame.left + half), frame.right - half)
    above = y - 14 if y - 26 > frame.top else y + 24
    frame.text(inside, above, text, "name", "middle")


def _tip(name: str, point: Point) -> str:
    return f"{name}: {point[1]:.6g} at {point[0]:g}"
