"""What a log of a training holds, sorted: curves of the training, evaluations, updates that were left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import CorruptFile
from ...draw.thinning import Point

# What is told of an evaluation besides its metrics.
_ASIDE = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "tokens_per_second",
    "jit_compilation_time",
    "model_preparation_time",
)
_NO_CURVE = {"step", "epoch", "total_flos", "skipped"}


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: of which data ("" for the only one), at which step and epoch, and its metrics by their short names."""

    step: float
    epoch: float
    data: str
    metrics: dict[str, float]
    seconds: float


@dataclass
class History:
    """A sorted log.

    Fields:
        training: name -> (step, value) of what was logged while training: loss, grad_norm, learning_rate, and a user's own.
        evaluations: in their order. left_out: entries of updates whose gradient was not finite.
        summary: the last entry, of the whole training; empty where it did not end.
        step, epoch: the last there are.
    """

    training: dict[str, list[Point]] = field(default_factory=dict)
    evaluations: list[Evaluation] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, float] = field(default_factory=dict)
    step: float = 0
    epoch: float = 0

    @classmethod
    def of(cls, log: Sequence[Mapping[str, Any]]) -> "History":
        """Sort the entries of a `log_history`, of this library or the published one.

        Raises:
            CorruptFile: they are no list of tables.
        """
        if not isinstance(log, list | tuple) or not all(isinstance(entry, Mapping) for entry in log):
            raise CorruptFile(f"a log of a training is a list of tables; found {type(log).__name__} {log!r:.80}")
        history = cls()
        for entry in log:
            history._take(
                {str(name): number for name, value in entry.items() if (number := as_number(value)) is not None}, entry
            )
        return history

    def metrics(self) -> dict[str, dict[str, list[Point]]]:
        """Metric -> data -> (step, value), losses first."""
        names = dict.fromkeys(name for each in self.evaluations for name in each.metrics)
        curves: dict[str, dict[str, list[Point]]] = {name: {} for name in sorted(names, key=lambda name: name != "loss")}
        for each in self.evaluations:
            for name, value in each.metrics.items():
                curves[name].setdefault(each.data, []).append((each.step, value))
        return curves

    def _take(self, numbers: dict[str, float], entry: Mapping[str, Any]) -> None:
        self.step, self.epoch = max(self.step, numbers.get("step", 0)), max(self.epoch, numbers.get("epoch", 0))
        step = numbers.get("step", self.step)
        prefix = _evaluated(numbers)
        if entry.get("skipped"):
            self.left_out.append(dict(entry))
            # A curve shows where its value was no number.
            numbers = {name: value for name, value in numbers.items() if not math.isfinite(value)}
        if "train_runtime" in numbers:
            self.summary = numbers
        elif prefix is not None:
            begin = f"{prefix}_"
            named = {name.removeprefix(begin): value for name, value in numbers.items() if name not in ("step", "epoch")}
            metrics = {name: value for name, value in named.items() if name not in _ASIDE and not name.startswith("mem_")}
            metrics.pop("num_input_tokens_seen", None)
            data = "" if prefix == "eval" else prefix.removeprefix("eval_")
            seconds = numbers.get(f"{prefix}_runtime", math.nan)
            self.evaluations.append(Evaluation(step, numbers.get("epoch", math.nan), data, metrics, seconds))
        else:
            for name, value in numbers.items():
                if name not in _NO_CURVE:
                    self.training.setdefault(name, []).append((step, value))


def as_number(value: Any) -> float | None:
    """A number of a log; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _evaluated(numbers: Mapping[str, float]) -> str | None:
    """What the names of an evaluation's metrics begin with; None for an entry that is of none."""
    for name in numbers:
        if name.endswith("_runtime") and name not in ("_runtime", "train_runtime"):
            return name.removesuffix("_runtime")
    return "eval" if any(name.startswith("eval_") for name in numbers) else None
