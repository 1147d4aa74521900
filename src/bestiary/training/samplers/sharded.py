"""`Sharded`: the rows of an order that fall to one process, from any place in the order on."""

from collections.abc import Iterator, Sequence, Sized
from itertools import islice
from typing import Any, cast

from torch.utils.data import Sampler


class Sharded(Sampler[int]):
    """What one process of several takes of an order of rows: of every batch of all processes a part, one after the other.

    Rows of a last batch that does not suffice for all are shared out evenly. A process that gets none of them takes its first
    row, which is not to count: `fillers` says how many of its rows these are.

    Args:
        order: the rows in their order, the same in each process. batch_size: rows of a batch of one process.
        index, count: which process this is, and of how many.
        drop_last: leave the last batch out if it is not full.
    """

    def __init__(self, order: Sampler[int], batch_size: int, index: int = 0, count: int = 1, drop_last: bool = False) -> None:
        self.order, self.batch_size, self.index, self.count, self.drop_last = order, batch_size, index, count, drop_last
        self.skipped = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch, from its beginning."""
        self.skipped = 0
        if hasattr(self.order, "set_epoch"):
            self.order.set_epoch(epoch)

    def skip(self, batches: Sequence[Sequence[int]]) -> int:
        """Leave out the first batches until the next epoch.

        Args:
            batches: pairs of the rows of a batch of all processes, and how many such batches came after each other.

        Returns:
            How many are to be taken and left out: 0.
        """
        self.skipped = min(sum(size * count for size, count in batches), self._total)
        return 0

    @property
    def _total(self) -> int:
        return len(cast(Sized, self.order))

    @property
    def _left(self) -> int:
        left = self._total - self.skipped
        return left - left % (self.batch_size * self.count) if self.drop_last else left

    @property
    def fillers(self) -> int:
        """How many of this process's last rows are not to count: 1 or 0."""
        rest = self._left % (self.batch_size * self.count)
        return int(rest > 0 and self._share(rest, self.index) == self._share(rest, self.index + 1))

    def _share(self, rest: int, index: int) -> int:
        """Where the part of a process of this index begins in a last batch of so many rows."""
        return rest * index // self.count

    def __len__(self) -> int:
        full, rest = divmod(self._left, self.batch_size * self.count)
        return full * self.batch_size + self._share(rest, self.index + 1) - self._share(rest, self.index) + self.fillers

    def __iter__(self) -> Iterator[int]:
        rows = islice(self.order, self.skipped, self.skipped + self._left)
        if self.count == 1:
            yield from rows
            return
        while batch := list(islice(rows, self.batch_size * self.count)):
            if len(batch) == self.batch_size * self.count:
                yield from batch[self.index * self.batch_size : (self.index + 1) * self.batch_size]
            else:
                part = batch[self._share(len(batch), self.index) : self._share(len(batch), self.index + 1)]
                yield from part or batch[:1]


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell a loader, its samplers and its data set which epoch begins, as far as each of them wants to know."""
    parts: list[Any] = [loader, *(getattr(loader, name, None) for name in ("batch_sampler", "sampler", "dataset"))]
    for each in parts:
        if hasattr(each, "set_epoch"):
            each.set_epoch(epoch)
