"""`LengthGroupedSampler`: rows of about one length together, so that little is padded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler

from ...core.errors import ArgumentError


class LengthGroupedSampler(Sampler[int]):
    """Shuffled rows, cut into pieces of many batches, each of which is sorted from long to short.

    The longest row of all comes first: if memory is short, the first step shows it.

    Args:
        batch_size: rows of a batch of all processes. dataset: rows as mappings, where no `lengths` are given.
        lengths: the length of each row. model_input_name: the column whose length counts; by default input_ids.
        generator: of random numbers; by default one that `seed` and `set_epoch` decide, in whose order the published trainer
            takes rows where nothing else draws numbers (no dropout).

    Raises:
        ArgumentError: neither data nor lengths, or rows that have no such column.
    """

    def __init__(
        self,
        batch_size: int,
        dataset: Any = None,
        lengths: Sequence[int] | None = None,
        model_input_name: str | None = None,
        generator: torch.Generator | None = None,
        seed: int | None = None,
    ) -> None:
        if lengths is None:
            if dataset is None:
                raise ArgumentError("rows are grouped by their lengths: expected a dataset, or lengths")
            lengths = _lengths(dataset, model_input_name or "input_ids")
        self.batch_size, self.lengths = batch_size, torch.as_tensor(lengths).tolist()
        self.generator, self.seed, self.epoch = generator, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch, where a seed was given."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = self.generator
        if generator is None and self.seed is not None:
            generator = torch.Generator().manual_seed(self.seed)
            for epoch in range(self.epoch + 1):
                torch.empty((), dtype=torch.int64).random_(generator=generator)  # as a loader draws the seed of its workers
                if epoch < self.epoch:
                    torch.randperm(len(self), generator=generator)
        return iter(get_length_grouped_indices(self.lengths, self.batch_size, generator=generator))


def get_length_grouped_indices(
    lengths: Sequence[int], batch_size: int, mega_batch_mult: int | None = None, generator: torch.Generator | None = None
) -> list[int]:
    """The order of `LengthGroupedSampler`.

    Args:
        mega_batch_mult: batches in each piece that is sorted; by default 50, or fewer where there would be under four pieces.
    """
    batches = mega_batch_mult or max(1, min(len(lengths) // (batch_size * 4), 50))
    order = torch.randperm(len(lengths), generator=generator).tolist()
    size = batches * batch_size
    pieces = [sorted(order[at : at + size], key=lambda row: lengths[row], reverse=True) for at in range(0, len(order), size)]
    if not pieces:
        return []
    # The longest of all stands at the head of its piece.
    first = max(range(len(pieces)), key=lambda at: lengths[pieces[at][0]])
    pieces[0][0], pieces[first][0] = pieces[first][0], pieces[0][0]
    return [row for piece in pieces for row in piece]


def _lengths(dataset: Any, column: str) -> list[int]:
    first = dataset[0]
    if not isinstance(first, Mapping) or column not in first:
        columns = ", ".join(map(str, first)) if isinstance(first, Mapping) else type(first).__name__
        raise ArgumentError(f"rows are grouped by the length of their column {column!r}, which they lack; found {columns:.200}")
    return [len(row[column]) for row in dataset]
