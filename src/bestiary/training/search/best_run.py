"""`BestRun`: what a search found, and what is made small or large by it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

# Ends of the names of metrics that say how fast an evaluation was, or how far the training is.
_NO_QUALITY = ("_runtime", "_per_second", "_compilation_time", "_preparation_time")
_PLACES = ("epoch", "num_input_tokens_seen")


class BestRun(NamedTuple):
    """The best trial of a search.

    Fields:
        run_id: its number or name; its checkpoints are in `run-RUN_ID`. objective: what it reached, a list where several are
        wanted. hyperparameters: what it was trained with. run_summary: of Ray, all that it knows of the search.
    """

    run_id: str
    objective: float | list[float]
    hyperparameters: dict[str, Any]
    run_summary: Any | None = None


def default_compute_objective(metrics: Mapping[str, float]) -> float | None:
    """The sum of an evaluation's metrics, or its loss where there is nothing else; times and places do not count."""
    counted = [
        value
        for name, value in metrics.items()
        if name != "eval_loss" and name not in _PLACES and not name.endswith(_NO_QUALITY)
    ]
    return sum(counted) if counted else metrics.get("eval_loss")
