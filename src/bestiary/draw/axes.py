"""The frame of a chart: two scales, their marks, a title and a legend."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .style import COLOURS, escaped
from .ticks import label, log_ticks, ticks

# Widths are of the 13 px letters of `style`: an SVG cannot measure text before it is shown.
_LETTER = 7.2
_ROW = 18
# Values beyond these are drawn at them: sums and quotients of such ones leave the range of floating-point numbers.
_LARGEST, _SMALLEST = 1e270, 1e-270


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` as pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False

    def __call__(self, value: float) -> float:
        """Where `value` lies."""
        value = min(max(value, -_LARGEST), _LARGEST)
        low, high, value = (math.log10(max(each, _SMALLEST)) if self.log else each for each in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """About so many round values."""
        if self.log:
            return log_ticks(self.low, self.high, count)
        return ticks(self.low, self.high, count, least=1.0 if self.whole else 0.0)


@dataclass
class Axis:
    """What an axis shows.

    Fields:
        values: all that must lie on it; what is not finite is left out. title: below or beside it.
        log: by powers of ten, where all values are above 0. from_zero: begin at 0, where none is below it.
        names: words at 0, 1, 2, ... instead of numbers. show: how a mark is written.
    """

    values: Iterable[float] = ()
    title: str = ""
    log: bool = False
    from_zero: bool = False
    names: Sequence[str] = ()
    show: Callable[[float], str] | None = None
    low: float = field(init=False)
    high: float = field(init=False)
    whole: bool = field(init=False)
    empty: bool = field(init=False)

    def __post_init__(self) -> None:
        finite = [min(max(each, -_LARGEST), _LARGEST) for each in self.values if math.isfinite(each)]
        self.log = self.log and bool(finite) and min(finite) > 0
        self.whole = bool(finite) and all(each == int(each) for each in finite)
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        self.empty = not (finite or self.names)
        if self.names:
            low, high = -0.5, len(self.names) - 0.5
        if self.from_zero and low >= 0 and not self.log:
            low = 0.0
        if self.log:
            low, high = max(low, _SMALLEST), max(high, _SMALLEST)
        if not (math.log10(high) > math.log10(low) if self.log else high - low > _SMALLEST):
            aside = max(1.0, abs(low) * 1e-12) if self.whole or abs(low) < _SMALLEST else abs(low) * 0.1
            low, high = (low / 2, high * 2) if self.log else (low - aside, high + aside)
        self.low, self.high = low, high

    def padded(self, share: float = 0.05) -> tuple[float, float]:
        """The range with some room on both sides, none below 0 where no value is."""
        if self.names:
            return self.low, self.high
        if self.log:
            room = 10 ** ((math.log10(self.high) - math.log10(self.low)) * share)
            return self.low / room, self.high * room
        room = (self.high - self.low) * share
        return (self.low if self.low == 0 else self.low - room), self.high + room

    def texts(self, marks: Sequence[float]) -> list[str]:
        """What is written at the marks."""
        if self.names:
            return [self.names[round(mark)] for mark in marks]
        if self.show is not None:
            return [self.show(mark) for mark in marks]
        if self.log or len(marks) < 2:
            return [label(mark) for mark in marks]
        return [label(mark, marks[1] - marks[0], max(map(abs, marks))) for mark in marks]

    def marks(self, scale: Scale, count: int) -> list[float]:
        """Where marks stand: every so many of the names, or round numbers; nowhere without values."""
        if self.empty:
            return []
        if not self.names:
            return scale.ticks(count)
        stride = math.ceil(len(self.names) / max(1, count))
        return [float(number) for number in range(0, len(self.names), stride)]


class Frame:
    """A frame of `width` x `height` pixels; `x` and `y` place values in it, `parts` collects what is drawn.

    Args:
        legend: names, and the kind of what each stands at: line, dots, steps.
    """

    def __init__(
        self, width: int, height: int, x: Axis, y: Axis, title: str = "", legend: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.width, self.height, self.title = width, height, title
        self.parts: list[str] = []
        top = 30.0 if title else 10.0
        if title:
            self.text(12, 20, shortened(title, width - 24, 8.2), "title")
        top = self._legend(legend, top) + 6
        bottom = height - 24 - (18 if x.title else 0)
        vertical = Scale(*y.padded(), bottom, top, y.log, y.whole)
        rows = y.marks(vertical, max(2, int((bottom - top) / 40)))
        texts = [shortened(each, width * 0.4) for each in y.texts(rows)]
        left = 16.0 + max((width_of(each) for each in texts), default=0.0) + (18 if y.title else 0)
        self.x, self.y = Scale(*x.padded(0.02), left, width - 16.0, x.log, x.whole), vertical
        self.left, self.right, self.top, self.bottom = left, width - 16.0, top, bottom
        for mark, text in zip(rows, texts, strict=True):
            place = vertical(mark)
            self.line(left, place, self.right, place, "grid")
            self.text(left - 6, place + 4, text, anchor="end")
        self._columns(x)
        self.line(left, bottom, self.right, bottom, "axis")
        if x.title:
            self.text((left + self.right) / 2, height - 8, shortened(x.title, self.right - left), anchor="middle")
        if y.title:
            middle = (top + bottom) / 2
            turn = f' transform="rotate(-90 16 {middle:.1f})"'
            self.text(16, middle, shortened(y.title, bottom - top), anchor="middle", more=turn)

    def _columns(self, x: Axis) -> None:
        room = self.right - self.left
        count = max(1, int(room / 70))
        marks = x.marks(self.x, count)
        widest = room / max(1, len(marks)) - 6
        for mark, text in zip(marks, x.texts(marks), strict=True):
            place = self.x(mark)
            self.line(place, self.bottom, place, self.bottom + 4, "axis")
            text = shortened(text, widest) if x.names else text
            half = width_of(text) / 2
            self.text(min(place, self.width - 2 - half), self.bottom + 18, text, anchor="middle")

    def _legend(self, names: Sequence[tuple[str, str]], top: float) -> float:
        """Draw names and kinds in as many rows as it takes; returns where it ends."""
        left, row = 12.0, 0
        for number, (name, kind) in enumerate(names):
            text = shortened(name, self.width - 60)
            wide = 22 + width_of(text) + 14
            if left > 12 and left + wide > self.width - 8:
                left, row = 12.0, row + 1
            place = top + 8 + row * _ROW
            dashed = " dashed" if number >= COLOURS else ""
            swatch = f'<path class="line{dashed}" d="M{left:.1f} {place:.1f}h16"/>'
            if kind == "dots":
                swatch = f'<circle class="dot" cx="{left + 8:.1f}" cy="{place:.1f}" r="4"/>'
            self.parts.append(f'<g class="c{number % COLOURS}">{swatch}</g>')
            self.text(left + 22, place + 4, text, "name")
            left += wide
        return top + (row + 1) * _ROW if names else top

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "", more: str = "") -> None:
        """Write a text of a stranger."""
        kind = f' class="{kind}"' if kind else ""
        anchor = f' text-anchor="{anchor}"' if anchor else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{kind}{anchor}{more}>{escaped(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str, tip: str = "") -> None:
        """Draw a straight line, with what it says when pointed at."""
        end = f"><title>{escaped(tip)}</title></line>" if tip else "/>"
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{end}')

    def circle(self, x: float, y: float, radius: float, kind: str, tip: str = "") -> None:
        """Draw a circle around a place."""
        end = f"><title>{escaped(tip)}</title></circle>" if tip else "/>"
        self.parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{end}')


def width_of(text: str, letter: float = _LETTER) -> float:
    """About how wide a text is, in pixels; letters of the Far East are twice as wide."""
    return sum(letter * (1.9 if ord(each) > 0x2E7F else 1) for each in text)


def shortened(text: str, width: float, letter: float = _LETTER) -> str:
    """A text that fits into so many pixels: the beginning of it, and three dots."""
    text = " ".join(str(text).split())
    if width_of(text, letter) <= width:
        return text
    while text and width_of(text, letter) + letter > width:
        text = text[:-1]
    return f"{text}…"
