"""The seeds that a call of `generate` brings: one for all prompts, or for each its own (`nn/row_draws.py` draws by them)."""

from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..core.logging import warn_once
from ..nn.row_draws import RowStreams, row_seed


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
        ArgumentError: a seed is no whole number, or there are as many as nothing here.
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
        ArgumentError: a seed is no whole number, or there are as many as nothing here.
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
