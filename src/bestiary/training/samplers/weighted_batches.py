"""`WeightedBatches`: batches from several data sets, each mostly of one."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from ...core.errors import ArgumentError


class WeightedBatches(Sampler[int]):
    """An order of the rows of data sets that follow each other, in which each `batch_size` rows are mostly of one of them.

    A batch's main data set is drawn by weight, and `mixed` of its rows come from another, drawn by weight among the rest: rows
    of one kind are hard to tell apart, and those of another keep a model from telling kinds alone. Rows of a data set come in a
    shuffled order, which begins anew when it ends. An epoch has as many batches as the rows fill.

    Args:
        sizes: rows of each data set. weights: how often each is the main one; by default its size.
        batch_size: of all processes together. mixed: the part of a batch from a second data set; 0 for none.

    Raises:
        ArgumentError: weights that do not fit, or a batch larger than all rows.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        batch_size: int,
        weights: Sequence[float] | None = None,
        mixed: float = 0.25,
        seed: int = 0,
    ) -> None:
        weights = list(sizes) if weights is None else list(weights)
        if len(weights) != len(sizes) or min(sizes, default=0) < 1 or min(weights) < 0 or not sum(weights):
            raise ArgumentError(f"sizes are {list(sizes)}, weights {weights}; expected a size and a weight for each data set")
        if not 0 <= mixed < 1 or not 0 < batch_size <= sum(sizes):
            raise ArgumentError(f"mixed is {mixed}, batch_size {batch_size} of {sum(sizes)} rows; expected 0..1 and 1 to these")
        self.sizes, self.weights = list(sizes), torch.tensor(weights, dtype=torch.float)
        self.batch_size, self.mixed, self.seed, self.epoch = batch_size, mixed, seed, 0

    def __len__(self) -> int:
        return sum(self.sizes) // self.batch_size * self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Another order for each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        draw = torch.Generator().manual_seed(self.seed + self.epoch)
        starts = [sum(self.sizes[:place]) for place in range(len(self.sizes))]
        rows = [self._rows(start, size, draw) for start, size in zip(starts, self.sizes, strict=True)]
        for _ in range(len(self) // self.batch_size):
            main = int(torch.multinomial(self.weights, 1, generator=draw))
            others = self.weights.clone()
            others[main] = 0
            few = round(self.mixed * self.batch_size) if others.sum() else 0
            second = int(torch.multinomial(others, 1, generator=draw)) if few else main
            for source, count in ((main, self.batch_size - few), (second, few)):
                yield from (next(rows[source]) for _ in range(count))

    @staticmethod
    def _rows(start: int, size: int, draw: torch.Generator) -> Iterator[int]:
        while True:
            yield from (start + place for place in torch.randperm(size, generator=draw).tolist())
