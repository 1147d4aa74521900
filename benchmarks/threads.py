"""The threads that the command line takes by itself, beside torch's own choice: on an idle machine and on a busy one.

As torch's threads wait for the slowest of them, one core that other work holds slows all down.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from measuring import Options, Row, compare


def tokens_per_second(count: int, *arguments: str) -> float:
    """What `bestiary generate --stats` with the model in the package says of its speed."""
    line = [sys.executable, "-m", "bestiary", "generate", "def fibonacci(n):", "--greedy", "-n", str(count), "--stats"]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([*line, *arguments], capture_output=True, text=True, check=True, env=environment)
    speed = re.search(r"([\d.]+) tokens/s", done.stderr)
    if speed is None:
        raise ValueError(f"--stats said {done.stderr!r}")
    return float(speed[1])


@contextmanager
def others_at_work(processes: int) -> Iterator[None]:
    """So many other processes that each keep a core busy."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def measure(options: Options) -> list[Row]:
    """At least 0.9 of torch's own choice where the cores are free, at least its speed where half of them are not."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count, rows = 20 if options.quick else 200, []
    for what, processes, at_least in (("idle", 0, 0.9), ("half of the cores busy", cores // 2, 1.0), ("busy", cores, 1.0)):
        speeds: dict[str, list[float]] = {"ours": [], "torch's": []}
        with others_at_work(processes):
            for _ in range(options.turns):
                speeds["ours"].append(tokens_per_second(count))
                speeds["torch's"].append(tokens_per_second(count, "--threads", str(cores)))
        row = compare(f"generate, {what}", *speeds.values(), "tokens/s", beside="torch alone", at_least=at_least)
        rows.append(row)
    return rows
