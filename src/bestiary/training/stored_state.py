"""Files of a checkpoint that hold what torch saves, read without running what they may hold else."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.errors import CorruptFile
from ..core.files import replacing


def random_name(index: int, count: int) -> str:
    """The file of the random numbers of a process, by its number among so many."""
    return "rng_state.pth" if count == 1 else f"rng_state_{index}.pth"


def write_state(value: Any, path: Path) -> None:
    """Write it whole or not at all."""
    with replacing(path) as temporary:
        torch.save(value, temporary)


def read_state(path: Path) -> Any:
    """What torch saved, of tensors, arrays, numbers and texts only.

    Raises:
        CorruptFile: it is something else.
    """
    remake: Any = np.empty(0).__reduce__()[0]
    # The published trainer keeps numpy's random numbers in an array; what makes one moved with release 2 of numpy.
    places = ("numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct")
    arrays: list[Any] = [*((remake, place) for place in places), np.ndarray, np.dtype, type(np.dtype(np.uint32))]
    try:
        with torch.serialization.safe_globals(arrays):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CorruptFile(
            f"{path} holds something else than tensors, numbers and texts, or is damaged ({type(error).__name__}); it was not"
            " run. Go on from another checkpoint"
        ) from error
