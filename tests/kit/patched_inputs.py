"""Inputs of models that read series in patches."""

from collections.abc import Callable

import torch

from .families import Inputs


def values(mask: str) -> Callable[[], Inputs]:
    """Three batches of two series; some values are missing, as the input called `mask` says."""

    def make() -> Inputs:
        observed = torch.ones(3, 15, 2)
        observed[1, 3:6, 0], observed[2, :4] = 0, 0
        return {"past_values": torch.randint(0, 20, (3, 15, 2)) * observed, mask: observed}

    return make


def alone() -> Inputs:
    """Values without a mask."""
    return {"past_values": torch.randn(3, 15, 2)}


def observed(mask: str) -> Callable[[Inputs], Inputs]:
    """What was observed: the loss of hidden patches needs no labels."""
    return lambda inputs: {mask: (torch.arange(15) % 5 > 0).float()[:, None].repeat(3, 1, 2)}


def targets(name: str, *shape: int) -> Callable[[Inputs], Inputs]:
    """Whole numbers of this shape in each row."""
    return lambda inputs: {name: torch.randint(0, 9, (3, *shape)).float()}


def classes(inputs: Inputs) -> Inputs:
    """A class of each row."""
    return {"target_values": torch.tensor([2, 0, 1])}
