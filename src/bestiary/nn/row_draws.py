"""Random numbers that belong to a row, so that its seed alone decides what is drawn.

A number is a function of the row's seed and of how many were drawn before it (a hash, SplitMix64,
https://doi.org/10.1145/2660193.2660195): nothing is shared between rows, and a row can be drawn again by itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..core.errors import NumericsError

Tensor = torch.Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_BLOCK = 64  # draws of a row that are made at a time


def _mix(values: Any) -> Any:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def row_seed(seed: int, copy: int) -> int:
    """The seed of the `copy`-th continuation of a prompt that was given `seed`; the first one's is `seed` itself.

    >>> row_seed(7, 0), row_seed(7, 1) != row_seed(7, 2)
    (7, True)
    """
    if copy == 0:
        return seed
    state = np.array([seed % 2**64, copy], dtype=np.uint64)
    return int(_mix(_mix(state[:1]) ^ (state[1:] * _GOLDEN))[0])


def uniforms(seeds: Sequence[int], steps: Sequence[int] | np.ndarray) -> Tensor:
    """Numbers from [0, 1), fp64: for each of `seeds` (R,) those numbered `steps`, (R, N), or (R,) steps of its own.

    Args:
        steps: an array (1, N) that counts for all rows, or one number for each row.
    """
    state = _mix(np.array([seed % 2**64 for seed in seeds], dtype=np.uint64))
    steps = np.asarray(steps, dtype=np.uint64) + np.uint64(1)
    mixed = _mix((state[:, None] if steps.ndim == 2 else state) + steps * _GOLDEN)
    # 52 bits: a product with any number below 2^1000 stays below that number.
    return torch.from_numpy((mixed >> np.uint64(12)).astype(np.float64) / 2.0**52)


def pick(probabilities: Tensor, places: Tensor) -> Tensor:
    """The token (R,) at the place (R,), a share of the mass, in the distribution (R, V) of each row.

    Raises:
        NumericsError: a row holds NaN, or no mass at all.
    """
    mass = probabilities.cumsum(-1, dtype=torch.float64)
    total = mass[:, -1]
    # On a GPU the answer would have to be waited for; there, the loop's own check sees NaN.
    if not total.is_cuda and not bool((total > 0).all()):
        row = int((total > 0).int().argmin())
        raise NumericsError(f"row {row} has no token to draw: its probabilities add up to {float(total[row])}")
    return torch.searchsorted(mass, (places * total).unsqueeze(1), right=True).squeeze(1)


class RowStreams:
    """A stream of random numbers for each row.

    Attributes:
        seeds: the seed of each row; `generate` with it, and the row's prompt alone, draws the same tokens.
    """

    def __init__(self, seeds: list[int], device: torch.device) -> None:
        self.seeds = seeds
        self._device = device
        self._step, self._first = 0, -1
        self._block = torch.empty(0)

    def next(self) -> Tensor:
        """The next number (R,) of each row."""
        column = self._step % _BLOCK
        first = self._step - column
        if first != self._first:
            self._first = first
            self._block = uniforms(self.seeds, np.arange(first, first + _BLOCK)[None]).to(self._device)
        self._step += 1
        return self._block[:, column]

    def seek(self, step: int) -> None:
        """Go on with the number `step`, as if so many had been drawn."""
        self._step = step
