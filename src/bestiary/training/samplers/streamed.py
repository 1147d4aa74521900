"""`Streamed`: the rows of an iterable data set that fall to one process and, in it, to one worker."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ...core.logging import warn_once
from .lanes import Lanes, as_worker


@dataclass(frozen=True)
class Filler:
    """A row, or a batch, that a process takes where there is none for it, so that it takes as many as others; not to count."""

    value: Any


class FillerCollator:
    """A collator that makes a `Filler` of the batch where the row is one, and leaves out places that hold no row."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, rows: list[Any]) -> Any:
        """The batch."""
        if isinstance(rows[0], Filler):
            return Filler(self.collate([rows[0].value]))
        return self.collate([row for row in rows if row is not NO_ROW] if rows[-1] is NO_ROW else rows)


NO_ROW = object()  # at the end of a batch that has fewer rows than the loader takes at once


class Streamed(IterableDataset[Any]):
    """Rows of an iterable data set, each of them once for any number of processes and workers, in one order.

    As `Sharded` does, each process takes its part of every batch. Each worker reads all rows and gives those of its batches,
    so that batches come in the order of one worker. A data set that shares its rows out itself (one of `datasets` with shards)
    gives a part to each worker, and batches come from these by turns; so its order depends on their number, `lanes`. With
    another number of workers than that, each of them reads all rows, for the same order. A data set draws its random numbers
    anew in each epoch: from its attribute `generator`, which is seeded with `seed + epoch`, or by its method `set_epoch`; both
    also where workers live on.

    Args:
        rows: the data set. batch_size: rows of a batch of one process. index, count: which process this is, and of how many.
        drop_last: leave the last batch out if it is not full. workers: of the loader, in whose order batches come.
    """

    def __init__(
        self, rows: Any, batch_size: int, index: int, count: int, drop_last: bool, seed: int, workers: int = 0
    ) -> None:
        self.rows, self.batch_size, self.index, self.count, self.drop_last = rows, batch_size, index, count, drop_last
        self.seed, self.workers = seed, max(1, workers)
        self.shares_out = getattr(rows, "num_shards", 1) > 1
        self.lanes = self.workers if self.shares_out else 1
        # In shared memory: workers that live on see what is set later.
        self._epoch = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._skipped: Sequence[Sequence[int]] = ()

    def set_epoch(self, epoch: int) -> None:
        """Begin this epoch, at its first row."""
        self._epoch[0], self._epoch[1] = epoch, 0
        self._tell_epoch(epoch)

    def _tell_epoch(self, epoch: int) -> None:
        """Tell the data set, if it does not know.

        One of `datasets` has its epoch in memory that workers share, and adds to it what is missing: two workers that told it
        at once would both add. It was told before they began.
        """
        if hasattr(self.rows, "set_epoch"):
            if getattr(self.rows, "epoch", None) != epoch:
                self.rows.set_epoch(epoch)
        elif isinstance(getattr(self.rows, "generator", None), torch.Generator):
            self.rows.generator.manual_seed(self.seed + epoch)

    def go_on_as(self, lanes: int) -> None:
        """Keep the order of a training that so many workers read the data for; 0 where that is not known."""
        if not self.shares_out or lanes == self.workers:
            return
        if not lanes:
            warn_once(
                "unknown-workers",
                "the checkpoint does not say how many workers read the data before, whose shards they share out among them;"
                f" if these were not {self.workers}, some rows of this epoch are seen twice and some not at all",
            )
            return
        self.lanes = lanes
        if self.workers > 1:
            before = "0 or 1" if lanes == 1 else lanes
            warn_once(
                "other-workers",
                f"this training began with dataloader_num_workers={before}, in whose order the shards of its data are read to"
                f" the end; each of the {self.workers} workers of now reads all rows for that. With dataloader_num_workers="
                f"{before} each row is read once",
            )

    def skip(self, batches: Sequence[Sequence[int]]) -> int:
        """Leave out the first batches until the next epoch.

        Args:
            batches: pairs of the rows of a batch of all processes, and how many such batches came after each other.

        Returns:
            How many are to be taken from the loader and left out: each of its workers knows its own alone.
        """
        if self.lanes > 1 and self.lanes == self.workers and [size for size, _ in batches] == [self.batch_size * self.count]:
            return batches[0][1]
        self._skipped, self._epoch[1] = batches, 1
        return 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        epoch, skips = self._epoch.tolist()
        self._tell_epoch(epoch)
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        if self.lanes > 1 and workers == self.lanes and not skips:  # the loader takes a batch of each by turns
            yield from self._rows(Lanes([as_worker(self.rows, number, workers)], self.drop_last))
            return
        # A data set that looks for its worker would give a part of its rows, of which a part would be taken again.
        parts = [None] if self.lanes == 1 else list(range(self.lanes))
        lanes = Lanes([as_worker(self.rows, part, self.lanes) for part in parts], self.drop_last)
        for size, count in self._skipped if skips else ():
            lanes.skip(size, count)
        yield from self._rows(lanes, number, workers, fill=self.lanes > 1)

    def _rows(self, lanes: Lanes, first: int = 0, step: int = 1, fill: bool = False) -> Iterator[Any]:
        """The rows of this process in every so manieth batch, each of which takes as many places, if `fill`."""
        for batch in islice(lanes.batches(self.batch_size * self.count), first, None, step):
            if len(batch) == self.batch_size * self.count:
                yield from batch[self.index * self.batch_size : (self.index + 1) * self.batch_size]
                continue
            begin, end = (len(batch) * index // self.count for index in (self.index, self.index + 1))
            part = batch[begin:end] or [Filler(batch[0])]
            yield from part
            if fill:
                yield from repeat(NO_ROW, self.batch_size - len(part))
