"""Jobs in turn, each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .combination import Combination, Job

# What a process may say of why it failed.
_SAID = 300
# What it runs: modules are looked for where this process looks.
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from bestiary.bench.child import main; main(sys.argv[2])"


@dataclass
class Measured:
    """All that was measured of a combination: one table of figures for each round, in their order.

    Fields:
        failed: why its process ended without figures; it is not started again.
    """

    combination: Combination
    rounds: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""


def measured(
    job: Job, combinations: Sequence[Combination], rounds: int, tell: Callable[[str], None]
) -> Iterator[list[Measured]]:
    """The state after each process: the combinations take turns, so that what slows the machine slows all of them.

    Ctrl-C ends the process that runs and is raised; what was yielded last holds all that was measured.
    """
    results = [Measured(each) for each in combinations]
    for number in range(rounds):
        for each in results:
            if each.failed:
                continue
            tell(f"{each.combination.name} ({number + 1} of {rounds})")
            numbers = in_process(replace(job, combination=each.combination))
            if isinstance(numbers, str):
                each.failed = numbers
            else:
                each.rounds.append(numbers)
            yield results


def in_process(job: Job) -> dict[str, Any] | str:
    """The figures of a job, measured by a new process; the last line that it said where it failed."""
    # A session of its own: Ctrl-C is for this process, which ends the other.
    process = subprocess.Popen(
        [sys.executable, "-c", _START, json.dumps(sys.path), json.dumps(asdict(job))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True,
    )  # fmt: skip
    try:
        said, errors = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        lines = errors.strip().splitlines() or [f"it ended with {process.returncode}, which may mean that memory ran out"]
        return lines[-1][:_SAID]
    figures: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return figures
