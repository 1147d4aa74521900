"""Times in Whisper's output: tokens from `begin` on stand for 0.00, 0.02, ... seconds into the 30 seconds of a window."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple


class Segment(NamedTuple):
    """Ids between two times, in seconds from the start of the audio."""

    ids: list[int]
    start: float
    end: float


def window_starts(ids: Sequence[int], begin: int, window: int) -> list[int]:
    """For each id, the step at which its window starts.

    A time that is earlier than the one before begins a new window. The last one was `window` steps long, unless it ended
    with a time said twice: then decoding went on from that time.
    """
    result: list[int] = []
    start = last = 0
    for place, token in enumerate(ids):
        if token >= begin:
            if token - begin < last:
                twice = place > 1 and ids[place - 1] >= begin and ids[place - 2] >= begin
                start += last if twice else window
            last = token - begin
        result.append(start)
    return result


def segments(ids: Sequence[int], begin: int, precision: float, window: int) -> Iterator[Segment]:
    """The stretches from one time to the next that is followed by another, or is the last."""
    starts = window_starts(ids, begin, window)
    marks = [place for place, token in enumerate(ids) if token >= begin]
    if len(marks) < 2:
        return

    def seconds(place: int) -> float:
        return (ids[place] - begin) * precision + starts[place] * precision

    after = [place for before, place in pairwise(marks) if place == before + 1]
    for start, end in pairwise(sorted({marks[0], *after, marks[-1] + 1})):
        if end - start > 1:
            yield Segment([token for token in ids[start:end] if token < begin], seconds(start), seconds(end - 1))


def text_and_times(ids: Sequence[int], begin: int, precision: float, window: int) -> Iterator[list[int] | str]:
    """Runs of text ids, and between them the times as text; of a time said twice before a new window, one."""
    starts = window_starts(ids, begin, window)
    run: list[int] = []
    for place, token in enumerate(ids):
        if token < begin:
            run.append(token)
            continue
        if run:
            yield run
            run = []
        repeated = place > 0 and ids[place - 1] >= begin
        renewed = place + 1 < len(ids) and starts[place + 1] > starts[place]
        if not (repeated and renewed):
            yield f"<|{(token - begin + starts[place]) * precision:.2f}|>"
    if run:
        yield run
