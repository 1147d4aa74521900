"""Curves and bars of letters, for terminals."""

import math
from collections.abc import Sequence
from itertools import pairwise

_EIGHTHS = " ▁▂▃▄▅▆▇█"
# Where a terminal has no blocks.
_ASCII = " ..::||##"


def block_curve(values: Sequence[float], width: int, height: int = 3, ascii_only: bool = False) -> list[str]:
    """The finite values as columns of blocks: `height` lines of at most `width` letters, the highest first.

    The lowest value is an eighth of a line high, so that it can be seen; of many values each column is the mean of some.
    """
    finite = [min(max(value, -1e270), 1e270) for value in values if math.isfinite(value)]  # their sums are finite too
    if not finite or width < 1:
        return [""] * height
    columns = min(width, len(finite))
    bounds = [number * len(finite) // columns for number in range(columns + 1)]
    means = [math.fsum(finite[begin:end]) / (end - begin) for begin, end in pairwise(bounds)]
    low, high = min(means), max(means)
    span = high - low
    eighths = [1 + round((8 * height - 1) * (mean - low) / span) if span > 0 else 4 * height for mean in means]
    letters = _ASCII if ascii_only else _EIGHTHS
    return ["".join(letters[min(8, max(0, each - 8 * row))] for each in eighths) for row in reversed(range(height))]


def block_bar(part: float, width: int, ascii_only: bool = False) -> tuple[str, str]:
    """A bar of `width` letters: what is done, and what is left."""
    done = max(0, min(width, int(part * width)))
    full, empty = ("#", "-") if ascii_only else ("━", "─")
    return full * done, empty * (width - done)
