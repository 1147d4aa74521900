"""`EarlyStoppingCallback`: an end when evaluations no longer get better."""

from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...core.logging import warn_once
from ..choices import IntervalStrategy
from .base import ExportableState, TrainerCallback, TrainerControl, TrainerState


class EarlyStoppingCallback(TrainerCallback, ExportableState):
    """Stops after `early_stopping_patience` evaluations in a row that were not better than the best so far.

    Args:
        early_stopping_patience: how many. early_stopping_threshold: by how much more than this a better one has to be better.

    Raises:
        ArgumentError: when training begins: no evaluations, or no metric that says what is better.
    """

    def __init__(self, early_stopping_patience: int = 1, early_stopping_threshold: float | None = 0.0) -> None:
        self.early_stopping_patience = early_stopping_patience
        self.early_stopping_threshold = early_stopping_threshold or 0.0
        self.early_stopping_patience_counter = 0

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Check that there will be something to go by."""
        if args.metric_for_best_model is None:
            raise ArgumentError("EarlyStoppingCallback compares metric_for_best_model, which is not set")
        if args.eval_strategy == IntervalStrategy.NO:
            raise ArgumentError("EarlyStoppingCallback compares evaluations; set eval_strategy to 'steps' or 'epoch'")
        if not args.load_best_model_at_end:
            warn_once(
                "stops-late", "EarlyStoppingCallback without load_best_model_at_end ends with the last weights, not the best"
            )

    def check_metric_value(self, args: Any, state: TrainerState, control: TrainerControl, metric_value: float) -> None:
        """Count an evaluation that is not better than the best."""
        better = np.greater if args.greater_is_better else np.less
        best = state.best_metric
        if best is None or (better(metric_value, best) and abs(metric_value - best) > self.early_stopping_threshold):
            self.early_stopping_patience_counter = 0
        else:
            self.early_stopping_patience_counter += 1

    def on_evaluate(
        self, args: Any, state: TrainerState, control: TrainerControl, metrics: dict[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Compare, and stop when it is time.

        Raises:
            ArgumentError: the evaluation did not give the metric.
        """
        name = args.metric_for_best_model
        name = name if name.startswith("eval_") else f"eval_{name}"
        value = (metrics or {}).get(name)
        if value is None:
            raise ArgumentError(f"EarlyStoppingCallback found no {name} among {', '.join(metrics or {}) or 'no metrics'}")
        self.check_metric_value(args, state, control, value)
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True

    def state(self) -> dict[str, Any]:
        """Its arguments and the count."""
        args = {"early_stopping_patience": self.early_stopping_patience}
        return {
            "args": args | {"early_stopping_threshold": self.early_stopping_threshold},
            "attributes": {"early_stopping_patience_counter": self.early_stopping_patience_counter},
        }
