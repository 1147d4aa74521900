"""Orders of rows for processes that share a data set, under their published names; `Trainer` has its own."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice
from typing import Any

import torch
from torch import distributed as dist
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, Sampler

from ..core.errors import ArgumentError
from ..training.samplers.length_grouped import LengthGroupedSampler, get_length_grouped_indices


def get_dataloader_sampler(dataloader: DataLoader[Any]) -> Any:
    """The sampler of a loader: within that of its batches, where it has one; None where there is none."""
    within = getattr(dataloader, "batch_sampler", None)
    return getattr(dataloader if within is None else within, "sampler", None)


class ShardSampler(Sampler[int]):
    """The part of one process: of each batch of all processes, the rows that follow those of the processes before it.

    Args:
        dataset: its length counts. batch_size: rows of a batch of one process.
        drop_last: leave a last batch out that is not full; otherwise it is filled up with the first rows.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        drop_last: bool = False,
        num_processes: int = 1,
        process_index: int = 0,
    ) -> None:
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_processes, self.process_index = num_processes, process_index
        self.total_batch_size = size = batch_size * num_processes
        batches = len(dataset) // size if drop_last else math.ceil(len(dataset) / size)
        self.total_num_samples = batches * size

    def __iter__(self) -> Iterator[int]:
        rows = islice(cycle(range(len(self.dataset))), self.total_num_samples)
        first = self.process_index * self.batch_size
        return (row for place, row in enumerate(rows) if first <= place % self.total_batch_size < first + self.batch_size)

    def __len__(self) -> int:
        return self.total_num_samples // self.num_processes


class IterableDatasetShard(IterableDataset[Any]):
    """The same for an iterable data set, which each process goes over whole.

    `set_epoch` seeds its attribute `generator` with `seed + epoch`, or calls its own `set_epoch`.

    Args:
        dataset, batch_size, drop_last, num_processes, process_index: as of `ShardSampler`.

    Attributes:
        num_examples: rows of the data set that were read.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        drop_last: bool = False,
        num_processes: int = 1,
        process_index: int = 0,
        seed: int = 0,
    ) -> None:
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_processes, self.process_index, self.seed = num_processes, process_index, seed
        self.epoch = self.num_examples = 0

    def set_epoch(self, epoch: int) -> None:
        """Begin this epoch."""
        self.epoch = epoch
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)

    def __iter__(self) -> Iterator[Any]:
        self.num_examples = 0
        generator = getattr(self.dataset, "generator", None)
        if not hasattr(self.dataset, "set_epoch") and isinstance(generator, torch.Generator):
            generator.manual_seed(self.seed + self.epoch)
        size, rows, first = self.batch_size * self.num_processes, iter(self.dataset), None
        begin = self.process_index * self.batch_size
        while batch := list(islice(rows, size)):
            self.num_examples += len(batch)
            first = batch if first is None else first
            if len(batch) < size:
                if self.drop_last:
                    return
                batch = list(islice(chain(batch, cycle(first)), size))
            yield from batch[begin : begin + self.batch_size]

    def __len__(self) -> int:
        batches = len(self.dataset) / (self.batch_size * self.num_processes)
        return (math.floor(batches) if self.drop_last else math.ceil(batches)) * self.batch_size


class DistributedSamplerWithLoop(DistributedSampler[Any]):
    """torch's `DistributedSampler`, whose rows are filled up with its first ones to whole batches.

    Args:
        kwargs: of `DistributedSampler`.
    """

    def __init__(self, dataset: Dataset[Any], batch_size: int, **kwargs: Any) -> None:
        super().__init__(dataset, **kwargs)
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Any]:
        rows = list(super().__iter__())
        filled = -len(rows) % self.batch_size
        begin = int(self.rank < len(self.dataset) % self.num_replicas)  # type: ignore[arg-type]
        return iter(rows + rows[begin : begin + filled])


def _which(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
    """How many processes there are, and which one this is; by default as torch knows."""
    if None in (num_replicas, rank) and not (dist.is_available() and dist.is_initialized()):
        raise ArgumentError("no processes were started together; pass num_replicas and rank")
    count = dist.get_world_size() if num_replicas is None else num_replicas
    return count, dist.get_rank() if rank is None else rank


class DistributedLengthGroupedSampler(DistributedSampler[Any]):
    """Rows of about one length together, as of `LengthGroupedSampler`, of which each process takes every n-th.

    Args:
        batch_size: rows of a batch of one process. num_replicas, rank: how many processes, and which one; by default those of
            torch. drop_last: leave out what does not come out even, instead of taking first rows twice.
        lengths, model_input_name: as of `LengthGroupedSampler`.

    Raises:
        ArgumentError: nothing says how many processes there are, or how long rows are.
    """

    def __init__(
        self,
        batch_size: int,
        dataset: Any = None,
        num_replicas: int | None = None,
        rank: int | None = None,
        seed: int = 0,
        drop_last: bool = False,
        lengths: Sequence[int] | None = None,
        model_input_name: str | None = None,
    ) -> None:
        self.num_replicas, self.rank = _which(num_replicas, rank)
        self.lengths = LengthGroupedSampler(batch_size, dataset, lengths, model_input_name).lengths
        self.batch_size, self.epoch, self.drop_last, self.seed = batch_size, 0, drop_last, seed
        parts = len(self.lengths) / self.num_replicas
        self.num_samples = math.floor(parts) if drop_last else math.ceil(parts)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[Any]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = get_length_grouped_indices(self.lengths, self.batch_size, generator=generator)
        return islice(cycle(order), self.rank, self.total_size, self.num_replicas)


class SequentialDistributedSampler(Sampler[int]):
    """For each process as many rows that follow each other; the last ones are filled up with the first.

    Args:
        num_replicas, rank: how many processes, and which one; by default those of torch. batch_size: parts are whole batches.

    Raises:
        ArgumentError: nothing says how many processes there are.
    """

    def __init__(
        self, dataset: Any, num_replicas: int | None = None, rank: int | None = None, batch_size: int | None = None
    ) -> None:
        self.num_replicas, self.rank = _which(num_replicas, rank)
        self.dataset, self.batch_size = dataset, batch_size
        size = batch_size or 1
        self.num_samples = math.ceil(len(dataset) / (size * self.num_replicas)) * size
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        begin = self.rank * self.num_samples
        return islice(cycle(range(len(self.dataset))), begin, begin + self.num_samples)

    def __len__(self) -> int:
        return self.num_samples
