"""Files of a checkpoint that hold what torch saves, read without running what they may hold else."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.errors import CorruptFile, SaveError
from ..core.files import replacing


def random_name(index: int, count: int) -> str:
    """The file of the random numbers of a process, by its number among so many."""
    return "rng_state.pth" if count == 1 else f"rng_state_{index}.pth"


def write_state(value: Any, path: Path) -> None:
    """Write it whole or not at all.

    Raises:
        SaveError: it could not be written.
    """
    with replacing(path) as temporary:
        try:
            torch.save(value, temporary)
        except RuntimeError as error:
            # torch's writer says that a write failed, and the system's error is lost.
            free = shutil.disk_usage(temporary.parent).free
            raise SaveError(
                f"{path} could not be written: the disk is full, or the system allows no file so large ({free:,} bytes are"
                " free); its former content, if any, is unchanged"
            ) from error


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


def check_schedule(path: Path) -> None:
    """Refuse a file that holds no state of a schedule.

    Raises:
        CorruptFile: so many words.
    """
    state = read_state(path)
    step = state.get("last_epoch", 0) if isinstance(state, dict) else None
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 2**63:
        raise CorruptFile(f"{path} does not hold the state of a schedule: its last step is {step!r:.60}")


def check_random(path: Path, state: Any) -> None:
    """Refuse what holds no states of random numbers.

    Raises:
        CorruptFile: so many words.
    """
    missing = [name for name in ("python", "numpy", "cpu") if not isinstance(state, dict) or name not in state]
    if missing:
        raise CorruptFile(f"{path} holds no random numbers of {', '.join(missing)}; go on from another checkpoint")
