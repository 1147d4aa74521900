"""`CountedLabels`: the labels of an update that count, in this process and in all."""

from dataclasses import dataclass
from typing import Any, Self

import torch

from .losses import count_of_items, shifts_labels
from .samplers.streamed import Filler


@dataclass(frozen=True)
class CountedLabels:
    """What processes tell each other before an update.

    Fields:
        total: labels that count, of all processes if `args.average_tokens_across_devices`. is_asked_to_end: whether the system
            asked one of the processes to end; it asks each at another moment, and they end after the same update.
    """

    total: float
    is_asked_to_end: bool

    @classmethod
    def of(cls, trainer: Any, batches: list[Any]) -> Self:
        """The labels of some batches. Every process has to call it."""
        args, asked = trainer.args, trainer.listener.heard
        shifted = shifts_labels(trainer.model)
        total: float = sum(count_of_items(batch, shifted) for batch in batches if not isinstance(batch, Filler))
        if args.world_size > 1:
            said = torch.tensor([float(total), float(asked)], dtype=torch.float64, device=args.device)
            summed, askers = args.processes.summed(said).tolist()
            total, asked = summed if args.average_tokens_across_devices else total, askers > 0
        return cls(total, asked)
