"""A chart before anything draws it: into a page as SVG (`Curve.svg`), or into a picture (`picture`)."""

from dataclasses import dataclass

from .charts import Series, chart
from .thinning import Point


@dataclass(frozen=True)
class Curve:
    """A chart, before anything draws it.

    Fields:
        series: name -> points. best: a point to be ringed. log: by powers of ten. from_zero: the y axis begins at 0.
        smooth: show means among many points. kind: as of `charts.Series`. x_title: what stands along the other axis;
        x_names: words at 0, 1, 2, ... there. empty: what is written where there is no point.
    """

    title: str
    series: dict[str, list[Point]]
    best: Point | None = None
    log: bool = False
    from_zero: bool = False
    smooth: bool = False
    kind: str = "line"
    x_title: str = "step"
    x_names: tuple[str, ...] = ()
    empty: str = "nothing was logged yet"

    def svg(self, marks: dict[str, list[float]] | None = None, width: int = 460) -> str:
        """The chart for a page."""
        return chart(
            [Series(name, points, self.kind, smooth=self.smooth) for name, points in self.series.items()],
            title=self.title,
            x_title=self.x_title,
            x_names=self.x_names,
            log_y=self.log,
            from_zero=self.from_zero,
            best=self.best,
            marks=marks,
            empty=self.empty,
            width=width,
            height=340 if width > 800 else 260,
        )
