"""The state of every source of random numbers of a process, saved and put back."""

import random
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """The states of Python's, NumPy's and torch's random numbers, of this process's GPU too, in tensors and numbers."""
    name, keys, place, has_gauss, gauss = np.random.get_state()
    numpy_state = (str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), int(place), int(has_gauss), float(gauss))
    state = {"python": random.getstate(), "numpy": numpy_state, "cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Put the states of `random_state` back."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.asarray(keys, dtype=np.uint32), *rest))
    torch.random.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        states = state["cuda"]  # of all GPUs, where the published trainer wrote it
        torch.cuda.set_rng_state(states[torch.cuda.current_device()] if isinstance(states, list) else states)
