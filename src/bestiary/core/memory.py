"""How much memory this process takes, read at almost no cost."""

import sys
from contextlib import suppress
from typing import Any

import torch


def memory_now(device: Any, highest: bool = False) -> int:
    """Bytes that tensors take on a GPU, or else bytes of this process in memory; 0 where the system does not tell.

    Args:
        highest: the most it ever was.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) if highest else torch.cuda.memory_allocated(device)
    try:
        # `getrusage` would begin with the peak of the process that started this one.
        with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["VmHWM" if highest else "VmRSS"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        pass
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def forget_peak(device: Any) -> None:
    """From now on, the most that `memory_now` tells is that since this call; without effect where the system keeps it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
