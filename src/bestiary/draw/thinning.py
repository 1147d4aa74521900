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
    kept = {0, len(points) - 1}
    for number in range(stretches):
        begin, end = number * len(points) // stretches, (number + 1) * len(points) // stretches
        finite = [index for index in range(begin, end) if math.isfinite(points[index][1])]
        if len(finite) < end - begin:
            kept.add(next(index for index in range(begin, end) if not math.isfinite(points[index][1])))
        if finite:
            kept |= {min(finite, key=lambda index: points[index][1]), max(finite, key=lambda index: points[index][1])}
    return [points[index] for index in sorted(kept)]


def smoothed(points: Sequence[Point], window: int) -> list[Point]:
    """The finite points, each y the mean over `window` of them around it; towards the ends over fewer, as many on each side."""
    finite = [point for point in points if math.isfinite(point[1])]
    sums = list(accumulate((y for _, y in finite), initial=0.0))
    means = []
    for index, (x, _) in enumerate(finite):
        side = min(window // 2, index, len(finite) - 1 - index)
        means.append((x, (sums[index + side + 1] - sums[index - side]) / (2 * side + 1)))
    return means
