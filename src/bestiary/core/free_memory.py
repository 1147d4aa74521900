"""Memory that a process has freed, given back to the system."""

import ctypes
import sys
from functools import cache
from typing import Any

_STEP = 2**25


@cache
def _trim() -> Any:
    """glibc's `malloc_trim`, or None where there is another C library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except OSError:
        return None


class Freed:
    """Counts what was freed, and gives it back every 32 MiB: between small blocks that live on, glibc would keep it."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, count: int) -> None:
        """`count` bytes were freed."""
        self._bytes += count
        if self._bytes >= _STEP:
            self.give_back()

    def give_back(self) -> None:
        """Give back whatever was freed and counted."""
        trim = _trim()
        if self._bytes and trim is not None:
            trim(0)
        self._bytes = 0
