"""The same step for many images, on all cores: what takes the time, in Pillow and numpy, lets other threads go on."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# So few images are ready before threads have started.
FEW = 4


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_each(step: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
    """`[step(*row) for row in zip(*columns)]`, in threads where there are many rows; the first row's error is raised."""
    count = min(cores(), len(columns[0]))
    if count < 2 or len(columns[0]) <= FEW:
        return [step(*row) for row in zip(*columns, strict=True)]
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(step, *columns))
