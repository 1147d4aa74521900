"""How many cores are free for this process: a thread that shares its core with other work makes all others wait for it."""

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")  # Linux only
_GROUPS = Path("/sys/fs/cgroup")
_SHORTEST = 0.1  # seconds; the kernel counts in hundredths


def usable_cores() -> int:
    """Cores that this process may use: those of its affinity mask, at most the share of its cgroup, at least one."""
    return max(1, int(min(len(affinity()) or os.cpu_count() or 1, cgroup_quota())))


class IdleCores:
    """Counts, from when it is made, how much of the cores other processes leave."""

    def __init__(self) -> None:
        self._began, self._idle, self._own = time.monotonic(), _idle_seconds(), _own_seconds()

    def count(self) -> int:
        """Usable cores that were idle or worked for this process since, rounded, at least one.

        Without the kernel's counters: the usable cores less the load of the last minute.
        """
        usable = usable_cores()
        if self._idle is None:
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            return max(1, min(usable, round(usable - load)))
        time.sleep(max(0.0, self._began + _SHORTEST - time.monotonic()))
        seconds = time.monotonic() - self._began
        free = (_idle_seconds() or 0.0) - self._idle + _own_seconds() - self._own
        return max(1, min(usable, round(free / seconds)))


def affinity() -> set[int]:
    """The processors that this process may run on; empty where the system does not say."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _idle_seconds() -> float | None:
    """Seconds in which the cores of the affinity mask had nothing to do since the machine started, added up."""
    if not _STAT.is_file():
        return None
    names = {f"cpu{core}" for core in affinity()}
    rows = [line.split() for line in _STAT.read_text().splitlines()]
    ticks = sum(int(row[4]) + int(row[5]) for row in rows if row and row[0] in names)  # idle, and waiting for a disk
    return ticks / os.sysconf("SC_CLK_TCK")


def cgroup_quota() -> float:
    """Cores that the cgroup of this process allows (version 2, else 1), infinite where it sets no limit."""
    groups = _GROUPS
    try:
        quota, period = (groups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = ((groups / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        except OSError:
            return float("inf")
    return float("inf") if quota in ("max", "-1") else int(quota) / int(period)
