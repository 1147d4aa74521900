"""How much memory a training takes, read at almost no cost."""

import os
import sys
from typing import Any

import torch


def memory_now(device: Any, highest: bool = False) -> int:
    """Bytes that tensors take on a GPU, or else bytes of this process in memory; 0 where the system does not tell.

    Args:
        highest: the most it ever was.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) if highest else torch.cuda.memory_allocated(device)
    if not highest:
        try:
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            pass
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
