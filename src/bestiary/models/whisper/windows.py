"""Cutting the transcript of one window into segments, by its timestamp tokens."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass
class SegmentSpan:
    """Tokens `first` to `last` (excluded) of a window, from `start` to `end` steps of time; None is the window's end."""

    first: int
    last: int
    start: int
    end: int | None


def cut(tokens: list[int], begin: int | None) -> tuple[list[SegmentSpan], int | None]:
    """The segments of one window, and the step of time at which the next window begins (None: at this one's end).

    Times come in pairs: the end of a segment and the start of the next. After a last, complete pair decoding goes on from
    its first time, and what follows it is heard again. A single time at the end says that the rest is silence
    (Radford et al. 2022, section 3.8). `begin` is the id of the time 0.00, None for tokens without times.
    """
    size = len(tokens)
    is_time = [begin is not None and token >= begin for token in tokens]
    zero = begin or 0
    pairs = [place for place in range(1, size) if is_time[place] and is_time[place - 1]]
    silent_end = size > 1 and is_time[-1] and not is_time[-2]
    if not pairs:
        times = [place for place in range(size) if is_time[place]]
        start = tokens[0] - zero if times and times[0] == 0 else 0
        end = tokens[times[-1]] - zero if times and times[-1] > 0 else None
        return [SegmentSpan(0, size, start, end)], None
    edges = [0, *pairs, *([size] if silent_end else [])]
    segments = [SegmentSpan(a, b, _time(tokens[a], zero), _time(tokens[b - 1], zero)) for a, b in pairwise(edges)]
    if silent_end:
        return segments, None
    segments[-1].last += 1  # the second time of the last pair stays with its segment
    return segments, segments[-1].end or None


def _time(token: int, zero: int) -> int:
    return max(token - zero, 0)
