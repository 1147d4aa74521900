"""How every benchmark here measures: in new processes that take turns, with medians, as rows of one table.

A benchmark is a file with `measure(options) -> list[Row]`. What is timed stands in functions of the same file that return
plain numbers; `in_turn` calls each of them in a process of its own, ours and the peer's one after the other.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

_QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}
_TIMES = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (0.0, "µs", 1e6))


# The shape of a Llama of 135 M parameters.
LLAMA_135M: dict[str, Any] = {
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """quick: sizes that only show that everything runs. gigabytes: of the weights to load. rounds: turns of each side."""

    quick: bool = False
    gigabytes: float = 2.2
    rounds: int = 5

    @property
    def turns(self) -> int:
        return 1 if self.quick else self.rounds


@cache
def machine() -> str:
    """The processor and the versions that matter, in one line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores; Python {platform.python_version()}, torch {version('torch')}"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    what: what was measured. ours, peer: as shown. ratio: ours over the peer's. target: the bound on the ratio, as shown.
    met: whether it is kept; None where there is no bound.
    """

    what: str
    ours: str
    peer: str
    ratio: float | None
    target: str
    met: bool | None
    machine: str = field(default_factory=machine)

    def cells(self) -> tuple[str, ...]:
        """The row as texts, in the order of `HEADINGS`."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.what, self.ours, self.peer, ratio, self.target, {True: "yes", False: "**no**", None: ""}[self.met]


HEADINGS = ("what", "ours", "beside", "ratio", "target", "met")


def compare(
    what: str,
    ours: Sequence[float] | float,
    peer: Sequence[float] | float,
    unit: str,
    *,
    beside: str = "reference",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """The row of two series of measurements in `unit` ("s", "B", or any name), by their medians."""
    a, b = (series if isinstance(series, float | int) else statistics.median(series) for series in (ours, peer))
    ratio = a / b if b else None
    target, met = "", None
    if at_most is not None:
        target, met = f"at most {at_most:.3g}", ratio is not None and ratio <= at_most
    elif at_least is not None:
        target, met = f"at least {at_least:.3g}", ratio is not None and ratio >= at_least
    return Row(what, show(a, unit), f"{beside}: {show(b, unit)}", ratio, target, met)


def show(value: float, unit: str) -> str:
    """A number of seconds or bytes, or of any `unit`, with three digits."""
    if unit == "s":
        _, name, factor = next(scale for scale in _TIMES if value >= scale[0])
        return f"{value * factor:.3g} {name}"
    if unit == "B":
        return f"{value / 1e9:.3g} GB"
    return f"{value:.4g} {unit}".strip()


def new_process(function: Callable[..., Any], **arguments: Any) -> Any:
    """What `function`, of a file in this folder, returns when a new process calls it. Arguments and result are JSON."""
    file = sys.modules[function.__module__].__file__
    command = [sys.executable, __file__, str(file), function.__name__, json.dumps(arguments)]
    done = subprocess.run(command, env={**os.environ, **_QUIET}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{function.__name__}({arguments}) failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def in_turn(rounds: int, *calls: tuple[Callable[..., Any], dict[str, Any]]) -> list[list[Any]]:
    """For each of `calls`, its results: A B A B ..., every call in a new process."""
    results: list[list[Any]] = [[] for _ in calls]
    for _ in range(rounds):
        for kept, (function, arguments) in zip(results, calls, strict=True):
            kept.append(new_process(function, **arguments))
    return results


def seconds(function: Callable[[], Any], times: int = 1) -> float:
    """The median time of a call."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def columns(results: Sequence[dict[str, float]], name: str) -> list[float]:
    """The figure `name` of each result."""
    return [result[name] for result in results]


def load_file(path: Path) -> ModuleType:
    """The module in `path`."""
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    called = vars(load_file(Path(sys.argv[1])))[sys.argv[2]]
    print(json.dumps(called(**json.loads(sys.argv[3]))))
