"""`Lanes`: several streams of rows that give batches by turns, as a loader's workers do that each read a part of the data."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from torch.utils.data import get_worker_info
from torch.utils.data._utils import worker as workers


class Lanes:
    """Batches of some streams, one of each by turns; a stream that has ended is passed over.

    Args:
        streams: iterators over rows. drop_last: a last batch of a stream that is not full is none.
    """

    def __init__(self, streams: Iterable[Iterator[Any]], drop_last: bool = False) -> None:
        self.live, self.drop_last = deque(streams), drop_last

    def batches(self, size: int) -> Iterator[list[Any]]:
        """What is left, in batches of so many rows; the last one of each stream may have fewer."""
        while self.live:
            batch = list(islice(self.live[0], size))
            if not batch or (self.drop_last and len(batch) < size):
                self.live.popleft()
            else:
                self.live.rotate(-1)
                yield batch

    def skip(self, size: int, count: int) -> None:
        """Leave out so many batches of so many rows; of a single stream rows are not gathered for it."""
        if not count:
            return
        if len(self.live) == 1:
            next(islice(self.live[0], size * count - 1, size * count), None)
        else:
            next(islice(self.batches(size), count - 1, count), None)


def as_worker(rows: Any, number: int | None, count: int) -> Iterator[Any]:
    """The rows that a data set gives to a loader's worker of this number, of so many; None: to a loader without workers."""
    true = get_worker_info()
    if (true is None) if number is None else (true is not None and (true.id, true.num_workers) == (number, count)):
        yield from rows
        return
    seed = 0 if true is None else true.seed
    said = None if number is None else workers.WorkerInfo(id=number, num_workers=count, seed=seed, dataset=rows)
    with _worker(said):
        stream = iter(rows)
    while True:
        with _worker(said):
            row = next(stream, _END)
        if row is _END:
            return
        yield row


_END = object()


@contextmanager
def _worker(said: Any) -> Iterator[None]:
    """Within it, this is what a data set is told about its worker."""
    true = get_worker_info()
    workers._worker_info = said
    try:
        yield
    finally:
        workers._worker_info = true
