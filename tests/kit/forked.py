"""Processes that train together, forked from one that has imported everything: torch takes seconds to begin."""

import atexit
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch


def run_forked(work: Callable[[int], None], count: int, folder: Path, limit: float = 60.0) -> list[tuple[int, str]]:
    """Run `work(rank)` in processes of their own, as a launcher would; returns the exit status and the stderr of each.

    One that has not ended after `limit` seconds is killed; its status is -9.
    """
    torch.set_num_threads(1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(count):
        process = os.fork()
        if not process:
            _be(rank, count, port, work, folder / f"{rank}.err")
        processes.append(process)
    end, statuses = time.monotonic() + limit, dict.fromkeys(processes, -9)
    left = set(processes)
    while left and time.monotonic() < end:
        for process in list(left):
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                statuses[process] = os.waitstatus_to_exitcode(status)
                left.discard(process)
        time.sleep(0.05)
    for process in left:
        os.kill(process, 9)
        os.waitpid(process, 0)
    return [(statuses[process], (folder / f"{rank}.err").read_text()) for rank, process in enumerate(processes)]


def _be(rank: int, count: int, port: int, work: Callable[[int], None], errors: Path) -> None:
    """Be one of the processes, to the end."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 2)
    status = 0
    try:
        work(rank)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 (as the interpreter does)
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)
