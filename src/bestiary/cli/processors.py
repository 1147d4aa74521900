"""The processors of this machine as programs that compute should use them: whole cores, bound threads, a fast allocator."""

import os
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import NamedTuple

from ..core.errors import ArgumentError
from .cores import usable_cores

_TOPOLOGY = Path("/sys/devices/system/cpu")  # Linux only
NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
"""What hides GPUs from torch, and keeps a training by accelerate off Apple's."""
ALLOCATORS = {"tcmalloc": ("tcmalloc", "tcmalloc_minimal"), "jemalloc": ("jemalloc",)}
_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")


class Instance(NamedTuple):
    """A program to be started: the processors it is bound to, and the variables that its environment gets."""

    processors: tuple[int, ...]
    variables: dict[str, str]


def whole_cores(usable: Sequence[int], topology: Path = _TOPOLOGY) -> list[int]:
    """One processor of each core among the `usable` ones: those that share a core share what computes."""
    seen: set[str] = set()
    result = []
    for processor in sorted(usable):
        try:
            siblings = (topology / f"cpu{processor}/topology/thread_siblings_list").read_text().strip()
        except OSError:
            siblings = str(processor)
        if siblings not in seen:
            seen.add(siblings)
            result.append(processor)
    return result


def plan(instances: int, threads: int | None, allocator: str, usable: Sequence[int] | None = None) -> list[Instance]:
    """How `instances` equal programs share the whole cores.

    Args:
        threads: of each; None: as many as its cores. allocator: "auto", "none", or one of `ALLOCATORS`.

    Raises:
        ArgumentError: more programs or threads than cores, or an allocator that is not installed.
    """
    if usable is None:  # no more of them than a container may keep busy: what goes beyond is made to wait
        cores = whole_cores(sorted(os.sched_getaffinity(0)))[: usable_cores()]
    else:
        cores = whole_cores(usable)
    if not 1 <= instances <= len(cores):
        raise ArgumentError(f"{instances} programs on {len(cores)} cores: expected from 1 to {len(cores)}, each needs one")
    each = len(cores) // instances
    if threads is not None and not 1 <= threads <= each:
        raise ArgumentError(f"{threads} threads on the {each} cores of a program: expected from 1 to {each}")
    preload = _library(allocator)
    result = []
    for number in range(instances):
        processors = tuple(cores[number * each : number * each + (threads or each)])
        variables = {
            "OMP_NUM_THREADS": str(len(processors)),
            "MKL_NUM_THREADS": str(len(processors)),
            "OMP_PROC_BIND": "close",
            "OMP_PLACES": ",".join(f"{{{processor}}}" for processor in processors),
            "BESTIARY_INSTANCE": str(number),
        }
        if preload is not None:
            variables["LD_PRELOAD"] = ":".join(filter(None, (preload, os.environ.get("LD_PRELOAD", ""))))
        result.append(Instance(processors, variables))
    return result


def _library(allocator: str) -> str | None:
    """Where an allocator lies; None for none."""
    if allocator == "none":
        return None
    if allocator != "auto" and allocator not in ALLOCATORS:
        raise ArgumentError(f"the allocator is {allocator!r:.60}; expected auto, none or {', '.join(ALLOCATORS)}")
    for name in ALLOCATORS if allocator == "auto" else (allocator,):
        for library in ALLOCATORS[name]:
            file = find_library(library) if sys.platform == "linux" else None
            for folder in _FOLDERS if file else ():
                if (Path(folder) / str(file)).exists():
                    return str(Path(folder) / str(file))
    if allocator != "auto":
        raise ArgumentError(f"{allocator} is not installed here; its package is often called lib{allocator}, or pass none")
    return None
