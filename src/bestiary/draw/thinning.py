"""Fewer points for a curve that look the same: of each stretch, those between which it moves."""

import math
from collections.abc import Sequence
from itertools import accumulate

Point = tuple[float, float]


def thinned(points: Sequence[Point], most: int = 600) -> list[Point]:
    """At most about `most` of the points: the first and last, and the lowest and highest of each of equal stretches.

    Points whose y is not finite are kept where they change into finite ones, so that gaps stay.
    """
    if len(points) <= most:
        return list(points)
    stretches = max(1, (most - 2) // 2)
    heights = [y for _, y in points]
    kept = {0, len(points) - 1}
    for number in range(stretches):
        begin, end = number * len(points) // stretches, (number + 1) * len(points) // stretches
        stretch = heights[begin:end]
        if not math.isfinite(sum(stretch)):  # of a sum that is, no part can be anything else
            finite = [index for index, y in enumerate(stretch) if math.isfinite(y)]
            gap = next((index for index, y in enumerate(stretch) if not math.isfinite(y)), None)
            kept |= set() if gap is None else {begin + gap}
            kept |= {begin + each(finite, key=stretch.__getitem__) for each in (min, max) if finite}
        else:
            kept |= {begin + stretch.index(min(stretch)), begin + stretch.index(max(stretch))}
    return [points[index] for index in sorted(kept)]


def smoothed(points: Sequence[Point], window: int, most: int = 600) -> list[Point]:
    """At most about `most` of the finite points, each y the mean over `window` of all around it; near the ends over fewer."""
    finite = [point for point in points if math.isfinite(point[1])]
    sums = list(accumulate((y for _, y in finite), initial=0.0))
    last, means = len(finite) - 1, []
    for index in sorted({*range(0, len(finite), math.ceil(len(finite) / most)), last} if finite else ()):
        side = min(window // 2, index, last - index)
        means.append((finite[index][0], (sums[index + side + 1] - sums[index - side]) / (2 * side + 1)))
    return [mean for mean in means if math.isfinite(mean[1])]
