"""`Streamed`: the rows of an iterable data set that fall to one process and, in it, to one worker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info
from torch.utils.data._utils import worker as workers


@dataclass(frozen=True)
class Filler:
    """A row, or a batch, that a process takes where there is none for it, so that it takes as many as others; not to count."""

    value: Any


class FillerCollator:
    """A collator that makes a `Filler` of the batch where the row is one."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, rows: list[Any]) -> Any:
        """The batch."""
        return Filler(self.collate([rows[0].value])) if isinstance(rows[0], Filler) else self.collate(rows)


class Streamed(IterableDataset[Any]):
    """Rows of an iterable data set, each of them once for any number of processes and workers, in one order.

    As `Sharded` does, each process takes its part of every batch. Each worker reads all rows and gives those of its batches,
    so that batches come in the order of one worker; a data set that shares its rows out itself (one of `datasets` with shards)
    is left to do so. A data set draws its random numbers anew in each epoch: from its attribute `generator`, which is seeded
    with `seed + epoch`, or by its method `set_epoch`; both also where workers live on.

    Args:
        rows: the data set. batch_size: rows of a batch of one process. index, count: which process this is, and of how many.
        drop_last: leave the last batch out if it is not full.
    """

    def __init__(self, rows: Any, batch_size: int, index: int, count: int, drop_last: bool, seed: int) -> None:
        self.rows, self.batch_size, self.index, self.count, self.drop_last = rows, batch_size, index, count, drop_last
        self.seed = seed
        # In shared memory: workers that live on see what is set later.
        self._position = torch.zeros(2, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Begin this epoch, at its first row."""
        self._position[0], self._position[1] = epoch, 0

    def skip(self, rows: int) -> None:
        """Leave out the first rows, counted over all processes, until the next epoch."""
        self._position[1] = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        epoch, skipped = self._position.tolist()
        if hasattr(self.rows, "set_epoch"):
            self.rows.set_epoch(epoch)
        elif isinstance(getattr(self.rows, "generator", None), torch.Generator):
            self.rows.generator.manual_seed(self.seed + epoch)
        worker = get_worker_info()
        shares_out = getattr(self.rows, "num_shards", 1) > 1  # of `datasets`: it gives each worker shards of its own
        if worker is None or shares_out:
            yield from self._of_process(islice(iter(self.rows), skipped, None))
            return
        # A data set that looks for its worker would give a part of its rows, of which a part would be taken again.
        workers._worker_info = None
        try:
            rows = islice(iter(self.rows), skipped, None)
            batches = self._batches(rows)
            for batch in islice(batches, worker.id, None, worker.num_workers):
                yield from batch
        finally:
            workers._worker_info = worker

    def _of_process(self, rows: Iterator[Any]) -> Iterator[Any]:
        for batch in self._batches(rows):
            yield from batch

    def _batches(self, rows: Iterator[Any]) -> Iterator[list[Any]]:
        """The batches of this process."""
        size = self.batch_size
        while batch := list(islice(rows, size * self.count)):
            if len(batch) < size * self.count:
                if self.drop_last:
                    return
                begin, end = (len(batch) * index // self.count for index in (self.index, self.index + 1))
                yield batch[begin:end] or [Filler(batch[0])]
            else:
                yield batch[self.index * size : (self.index + 1) * size]
