"""`TrialRecord`: what came of a trial, and which of several is best."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from ...core.errors import SearchError
from .best_run import BestRun

STATUSES = COMPLETE, PRUNED, STOPPED, FAILED = "complete", "pruned", "stopped", "failed"


@dataclass
class TrialRecord:
    """What came of a trial.

    Fields:
        name: by which its folder is called `run-NAME`. params: what it was trained with.
        objectives: one for each direction; none of a trial that failed.
        status: complete; pruned, where its backend ended it; stopped, where others were better on the way; failed.
        steps, planned: updates it made, and was to make. seconds: it took. error: what went wrong.
        rung: how often it was gone on with. checkpoint: the folder from which it can go on.
        drawn: what its space gave, as JSON.
    """

    name: str
    params: dict[str, Any]
    objectives: list[float] = field(default_factory=list)
    status: str = COMPLETE
    steps: int = 0
    planned: int = 0
    seconds: float = 0.0
    error: str | None = None
    rung: int = 0
    checkpoint: str | None = None
    drawn: dict[str, Any] = field(default_factory=dict)

    def as_table(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of_table(cls, table: dict[str, Any]) -> Self:
        """Of what `as_table` gave.

        Raises:
            TypeError: it is something else.
        """
        record = cls(**table)
        if not record._is_whole():
            raise TypeError("a value of the record of a trial is of another kind")
        return record

    def _is_whole(self) -> bool:
        texts = (self.name, self.status, self.error or "", self.checkpoint or "")
        if not (isinstance(self.objectives, list) and isinstance(self.params, dict) and isinstance(self.drawn, dict)):
            return False
        numbers = (self.steps, self.planned, self.rung, self.seconds, *self.objectives)
        right = all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
        has_result = bool(self.objectives) or self.status not in (COMPLETE, STOPPED)
        return right and has_result and all(isinstance(each, str) for each in texts) and self.status in STATUSES

    @property
    def counts(self) -> bool:
        """Whether it came to its end with a result."""
        return self.status == COMPLETE and bool(self.objectives) and all(map(math.isfinite, self.objectives))


def dominates(first: Sequence[float], second: Sequence[float], directions: Sequence[str]) -> bool:
    """Whether objectives are nowhere worse than others, and somewhere better."""
    signed = [(a, b) if way == "minimize" else (b, a) for a, b, way in zip(first, second, directions, strict=True)]
    return all(a <= b for a, b in signed) and any(a < b for a, b in signed)


def best_of(records: Sequence[TrialRecord], directions: Sequence[str]) -> list[TrialRecord]:
    """The best trial; of several directions all that no other dominates.

    Raises:
        SearchError: none came to its end.
    """
    complete = [each for each in records if each.counts]
    if not complete:
        errors = [each.error for each in records if each.error]
        why = f"; the last error: {errors[-1]}" if errors else ""
        raise SearchError(f"none of {len(records)} trials came to its end with a finite objective{why}")
    if len(directions) == 1:
        sign = 1 if directions[0] == "minimize" else -1
        return [min(complete, key=lambda each: sign * each.objectives[0])]
    return [
        each for each in complete if not any(dominates(other.objectives, each.objectives, directions) for other in complete)
    ]


def best_runs(records: Sequence[TrialRecord], directions: Sequence[str], summary: Any = None) -> BestRun | list[BestRun]:
    """What a search gives back: one run, or a list where there are several directions.

    Raises:
        SearchError: no trial came to its end.
    """
    single = len(directions) == 1
    runs = [
        BestRun(each.name, each.objectives[0] if single else list(each.objectives), dict(each.params), summary)
        for each in best_of(records, directions)
    ]
    return runs[0] if single else runs
