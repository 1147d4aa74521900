"""`Shuffled`: every row once, in an order that a seed and the epoch decide."""

from collections.abc import Iterator, Sized

import torch
from torch.utils.data import RandomSampler


class Shuffled(RandomSampler):
    """Rows of a data set in the order of `torch.randperm` with the seed `seed + epoch`.

    The order is the same in every process and after a restart, whatever random numbers were drawn in between.
    """

    def __init__(self, data_source: Sized, seed: int) -> None:
        super().__init__(data_source)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return iter(torch.randperm(len(self), generator=generator).tolist())
