"""Labels and numbers against those that are right: arrays (N,)."""

from typing import Any

import numpy as np

from ...core.errors import InputError

Array = Any


def pair(preds: Any, labels: Any) -> tuple[Array, Array]:
    """Both as arrays (N,).

    Raises:
        InputError: they differ in length, or are empty.
    """
    preds, labels = np.asarray(preds), np.asarray(labels)
    if len(preds) != len(labels):
        raise InputError(f"there are {len(preds)} predictions and {len(labels)} labels; expected as many of both")
    if not len(labels):
        raise InputError("there are no predictions; a metric needs at least one")
    return preds, labels


def simple_accuracy(preds: Any, labels: Any) -> float:
    """The share of predictions that equal their labels."""
    preds, labels = pair(preds, labels)
    return float((preds == labels).mean())


def f1(preds: Any, labels: Any, positive: Any = 1) -> float:
    """The harmonic mean of precision and recall of the class `positive`; 0 where nothing is of it."""
    preds, labels = pair(preds, labels)
    both = np.sum((preds == positive) & (labels == positive))
    either = np.sum(preds == positive) + np.sum(labels == positive)
    return float(2 * both / either) if either else 0.0


def acc_and_f1(preds: Any, labels: Any) -> dict[str, float]:
    """Accuracy, F1 of class 1, and their mean."""
    accuracy, score = simple_accuracy(preds, labels), f1(preds, labels)
    return {"acc": accuracy, "f1": score, "acc_and_f1": (accuracy + score) / 2}


def matthews(preds: Any, labels: Any) -> float:
    """Matthews' correlation of any number of classes (Gorodkin 2004), -1..1; 0 where one side has a single class."""
    preds, labels = pair(preds, labels)
    classes = np.unique(np.concatenate([preds, labels]))
    counted, right = (np.array([np.sum(side == each) for each in classes], float) for side in (preds, labels))
    number = float(len(labels))
    shared = float(np.sum(preds == labels)) * number - counted @ right
    spread = (number**2 - counted @ counted) * (number**2 - right @ right)
    return float(shared / np.sqrt(spread)) if spread else 0.0


def pearson(preds: Any, labels: Any) -> float:
    """The linear correlation, -1..1; NaN where one side does not vary."""
    preds, labels = (np.asarray(side, float) - np.mean(side) for side in pair(preds, labels))
    spread = np.sqrt((preds @ preds) * (labels @ labels))
    return float(preds @ labels / spread) if spread else float("nan")


def spearman(preds: Any, labels: Any) -> float:
    """The correlation of ranks, where equal values share the mean of theirs."""
    return pearson(*(_ranks(side) for side in pair(preds, labels)))


def _ranks(values: Array) -> Array:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]


def pearson_and_spearman(preds: Any, labels: Any) -> dict[str, float]:
    """Both correlations, and their mean."""
    linear, ranks = pearson(preds, labels), spearman(preds, labels)
    return {"pearson": linear, "spearmanr": ranks, "corr": (linear + ranks) / 2}
