"""Random numbers that belong to a row, so that its seed alone decides what is drawn.

A number is a function of the row's seed and of how many were drawn before it (a hash, SplitMix64,
https://doi.org/10.1145/2660193.2660195): nothing is shared between rows, and a row can be drawn again by itself.
A call brings one seed for all prompts, or a list with one for each (`as_seeds`).
"""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch

from ..core.errors import ArgumentError, NumericsError
from ..core.logging import warn_once

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


def as_seed(seed: Any) -> int:
    """`seed` as a plain whole number.

    Raises:
        ArgumentError: it is none.
    """
    if not isinstance(seed, Integral) or isinstance(seed, bool):
        raise ArgumentError(f"seed is {seed!r:.60}; expected a whole number, or one for each prompt")
    return int(seed)


def as_seeds(seeds: Any) -> Any:
    """`seeds` as a plain whole number, a list of such (for each prompt its own), or None.

    Raises:
        ArgumentError: it is none of these.
    """
    if isinstance(seeds, Tensor | np.ndarray):
        seeds = seeds.tolist()
    if seeds is None:
        return None
    return [as_seed(one) for one in seeds] if isinstance(seeds, list | tuple) else as_seed(seeds)


def row_seeds(seed: Any, rows: int, copies: int) -> tuple[list[int], bool]:
    """The seed of each of `rows` rows, which are `copies` for each prompt, and whether one was given for all.

    Raises:
        ArgumentError: a seed is no whole number, or there are as many as neither prompts nor rows.
    """
    seeds = as_seeds(seed)
    shared = not isinstance(seeds, list)
    seeds = [seeds] * (rows // copies) if shared else seeds
    if len(seeds) not in (rows // copies, rows):
        many = rows // copies
        raise ArgumentError(f"seed holds {len(seeds)} numbers; expected one, one for each of {many} prompts, or {rows}")
    if len(seeds) * copies == rows:
        seeds = [row_seed(one, copy) for one in seeds for copy in range(copies)]
    return seeds, shared


def streams(seed: Any, prompts: Tensor, copies: int, device: torch.device) -> RowStreams:
    """The streams of `copies` rows for each of B prompts.

    Args:
        seed: one for all prompts, one for each of them, or one for each row (B * copies).
        prompts: (B * copies, T), to see whether equal ones share a seed.

    Raises:
        ArgumentError: a seed is no whole number, or there are as many as neither prompts nor rows.
    """
    rows = prompts.shape[0]
    seeds, shared = row_seeds(seed, rows, copies)
    if shared and copies == 1 and rows > 1 and prompts.shape[1] > 1 and len(prompts.unique(dim=0)) < rows:
        warn_once(
            "equal-draws",
            f"seed={seed} counts for each row by itself, so equal prompts get equal answers: pass a seed for each of the "
            f"{rows} rows, or num_return_sequences",
        )
    return RowStreams(seeds, device)
