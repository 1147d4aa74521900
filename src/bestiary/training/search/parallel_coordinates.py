"""A picture with an upright axis for each parameter and one for the objective, and a line across them for each trial."""

import math
from collections.abc import Sequence
from typing import Any

from ...draw.axes import Axis, Scale, shortened
from ...draw.charts import picture
from ...draw.style import escaped
from ...draw.ticks import label
from .scales import axis_of

_TOP, _BOTTOM, _SIDE = 58.0, 30.0, 80.0


def parallel_coordinates(
    columns: Sequence[tuple[str, Sequence[Any]]],
    names: Sequence[str],
    best: set[str],
    *,
    title: str = "",
    width: int = 1180,
    height: int = 380,
) -> str:
    """One SVG. A trial that lacks a value has no line; the best are drawn over the others.

    Args:
        columns: what stands at an axis, and the value of each trial there, None where it has none; the objective last.
        names: of the trials. best: the names of the best ones.
        width, height: in pixels, in which letters are 13 high.
    """
    parts = [f'<text x="12" y="20" class="title">{escaped(shortened(title, width - 24, 8.2))}</text>'] if title else []
    places: list[list[float | None]] = []
    gap = (width - 2 * _SIDE) / max(1, len(columns) - 1)
    for number, (name, values) in enumerate(columns):
        x = _SIDE + number * gap
        axis, numbers = axis_of(values, name)
        low, high = axis.padded()
        scale = Scale(low, high, height - _BOTTOM, _TOP, axis.log, axis.whole)
        parts.append(f'<line class="axis" x1="{x:.1f}" y1="{_TOP:.1f}" x2="{x:.1f}" y2="{height - _BOTTOM:.1f}"/>')
        shown = escaped(shortened(name, gap - 12))
        parts.append(f'<text x="{x:.1f}" y="{_TOP - 14:.1f}" class="name" text-anchor="middle">{shown}</text>')
        parts += _marks(axis, scale, x)
        places.append([None if each is None or not math.isfinite(each) else scale(each) for each in numbers])
    for index in sorted(range(len(names)), key=lambda index: names[index] in best):
        heights = [column[index] for column in places]
        if any(each is None for each in heights):
            continue
        path = "L".join(f"{_SIDE + number * gap:.1f} {each:.1f}" for number, each in enumerate(heights))
        told = ", ".join(f"{name} {_short(values[index])}" for name, values in columns)
        kind, colour = ("line", "c1") if names[index] in best else ("line raw", "c0")
        tip = escaped(f"trial {names[index]}: {told}")
        parts.append(f'<g class="{colour}"><path class="{kind}" d="M{path}"><title>{tip}</title></path></g>')
    return picture(parts, width, height, title, standalone=False)


def _marks(axis: Axis, scale: Scale, x: float) -> list[str]:
    marks = axis.marks(scale, 6)
    texts = axis.texts(marks)
    return [
        f'<text x="{x + 6:.1f}" y="{scale(mark) + 4:.1f}">{escaped(shortened(text, 90))}</text>'
        for mark, text in zip(marks, texts, strict=True)
    ]


def _short(value: Any) -> str:
    return label(value) if isinstance(value, float) else str(value)
