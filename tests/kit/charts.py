"""Charts of points by their names, without a word on each series."""

from collections.abc import Mapping, Sequence
from typing import Any

from bestiary.draw.charts import Series, chart
from bestiary.draw.thinning import Point


def line_chart(series: Mapping[str, Sequence[Point]], **layout: Any) -> str:
    """Curves, as `chart` draws them."""
    return chart([Series(name, points) for name, points in series.items()], **layout)


def scatter_chart(series: Mapping[str, Sequence[Point]], **layout: Any) -> str:
    """Dots, as `chart` draws them."""
    return chart([Series(name, points, "dots") for name, points in series.items()], **layout)
