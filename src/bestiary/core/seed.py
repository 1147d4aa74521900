"""One seed for every source of random numbers."""

import operator
import os
import random
from typing import SupportsIndex

import numpy as np
import torch

from .errors import ArgumentError


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seed Python's, NumPy's and torch's random numbers, on every device.

    Args:
        seed: 0 to 2**64 - 1; NumPy takes its last 32 bits.
        deterministic: also make torch refuse algorithms whose result differs from run to run.

    Raises:
        ArgumentError: the seed is no such number.
    """
    if not isinstance(seed, SupportsIndex) or not 0 <= operator.index(seed) < 2**64:
        raise ArgumentError(f"seed is {seed!r:.80}; expected a whole number from 0 to 2**64 - 1")
    seed = operator.index(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if deterministic:
        torch.use_deterministic_algorithms(True)


def seed_worker(worker_id: int, num_workers: int, rank: int) -> None:
    """Seed a worker of a data loader: from torch's seed, which differs between workers, and the process's `rank`."""
    set_seed(num_workers * rank + torch.initial_seed() % 2**32)


def enable_full_determinism(seed: int, warn_only: bool = False) -> None:
    """Seed everything, and let torch and what it calls on GPUs compute the same in every run, which takes longer.

    Args:
        warn_only: warn of algorithms that differ from run to run, instead of refusing them.
    """
    set_seed(seed)
    # Read when CUDA, its matrix products and flash attention begin.
    os.environ["CUDA_LAUNCH_BLOCKING"] = os.environ["FLASH_ATTENTION_DETERMINISTIC"] = "1"
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":16:8"
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
