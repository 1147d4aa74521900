"""What an evaluation hands to a function of metrics, and what it and a training give back."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Arrays = np.ndarray | tuple[np.ndarray, ...]


class EvalPrediction:
    """What `compute_metrics` gets: a tuple (predictions, labels, then inputs and losses where they were asked for).

    With `batch_eval_metrics` these are tensors of one batch.

    Args:
        predictions: what the model gave, (examples, ...), or a tuple of such arrays. label_ids: what was right.
        inputs: what the model got. losses: one for each example.
    """

    def __init__(
        self, predictions: Arrays, label_ids: Arrays, inputs: Arrays | None = None, losses: Arrays | None = None
    ) -> None:
        self.predictions = predictions
        self.label_ids = label_ids
        self.inputs = inputs
        self.losses = losses
        self.elements = (predictions, label_ids, *(each for each in (inputs, losses) if each is not None))

    def __iter__(self) -> Iterator[Arrays]:
        return iter(self.elements)

    def __getitem__(self, idx: int) -> Arrays:
        if idx < 0 or idx >= len(self.elements):
            raise IndexError(f"an EvalPrediction of {len(self.elements)} parts has no part {idx}")
        return self.elements[idx]


class EvalLoopOutput(NamedTuple):
    """Predictions over a data set, with the metrics of these and how many examples there were."""

    predictions: Arrays
    label_ids: Arrays | None
    metrics: dict[str, float] | None
    num_samples: int | None


class PredictionOutput(NamedTuple):
    """The same for a data set that is only predicted."""

    predictions: Arrays
    label_ids: Arrays | None
    metrics: dict[str, float] | None


class TrainOutput(NamedTuple):
    """How many optimizer steps a training took, its mean loss, and what was measured of it."""

    global_step: int
    training_loss: float
    metrics: dict[str, Any]
