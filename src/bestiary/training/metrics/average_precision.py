"""Average precision of detected objects as COCO counts it (Lin et al. 2014): mean over classes, overlaps and recalls."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...nn.boxes import iou

OVERLAPS = tuple(float(each) for each in np.linspace(0.5, 0.95, 10))
RECALLS = np.linspace(0, 1, 101)
MOST = 100
"""Detections of an image and class that count, the surest first."""

Objects = Mapping[str, Any]


def average_precision(predictions: Sequence[Objects], references: Sequence[Objects]) -> dict[str, float]:
    """How well boxes of an image match those that it holds, 0..1; nan where no image holds any.

    A detection is right if its box overlaps one of the same class, which no surer detection took, by more than a threshold
    of intersection over union. Of each class and threshold it is the mean, over 101 recalls, of the best precision at that
    recall or beyond.

    Args:
        predictions: of each image `scores` (N,), `labels` (N,) and `boxes` (N, 4), as `post_process_object_detection`
            gives them.
        references: of each image `labels` (M,) and `boxes` (M, 4), corners (left, top, right, bottom) in the same unit.

    Returns:
        map: the mean over classes and thresholds 0.5, 0.55 to 0.95. map_50, map_75: at these alone.

    Raises:
        InputError: images differ in number, or labels, scores and boxes of an image do.
    """
    if len(predictions) != len(references):
        raise InputError(f"there are {len(predictions)} predictions and {len(references)} references; expected as many")
    detected = [_columns(each, ("labels", "scores", "boxes"), number) for number, each in enumerate(predictions)]
    wanted = [_columns(each, ("labels", "boxes"), number) for number, each in enumerate(references)]
    classes = sorted({int(label) for labels, _ in wanted for label in labels})
    table = np.array([_of_class(label, detected, wanted) for label in classes]).reshape(-1, len(OVERLAPS))
    if not classes:
        return dict.fromkeys(("map", "map_50", "map_75"), float("nan"))
    return {"map": float(table.mean()), "map_50": float(table[:, 0].mean()), "map_75": float(table[:, 5].mean())}


def _columns(objects: Objects, names: Sequence[str], number: int) -> list[Tensor]:
    columns = [torch.as_tensor(objects[name], dtype=torch.float64) for name in names]
    columns[-1] = columns[-1].reshape(-1, 4)
    sizes = {name: len(column) for name, column in zip(names, columns, strict=True)}
    if len(set(sizes.values())) > 1:
        raise InputError(f"image {number} has {sizes}; expected as many of each")
    return columns


def _of_class(label: int, detected: list[list[Tensor]], wanted: list[list[Tensor]]) -> list[float]:
    """Average precision of a class at each threshold."""
    scores, rights, count = [], [], 0
    for (labels, all_scores, all_boxes), (wanted_labels, wanted_boxes) in zip(detected, wanted, strict=True):
        boxes, targets = all_boxes[labels == label], wanted_boxes[wanted_labels == label]
        certain, order = all_scores[labels == label].sort(descending=True, stable=True)
        scores.append(certain[:MOST])
        rights.append(_matched(boxes[order[:MOST]], targets))
        count += len(targets)
    order = torch.cat(scores).argsort(descending=True, stable=True)
    return [_area(right[order].numpy(), count) for right in torch.cat(rights, dim=1)]


def _matched(boxes: Tensor, targets: Tensor) -> Tensor:
    """Whether each of the boxes, the surest first, is right: (thresholds, N)."""
    right = torch.zeros(len(OVERLAPS), len(boxes), dtype=torch.bool)
    if not len(targets):
        return right
    overlaps = iou(boxes[:, None], targets[None])[0]
    for row, threshold in enumerate(OVERLAPS):
        free = torch.ones(len(targets), dtype=torch.bool)
        for place, overlap in enumerate(overlaps):
            best = int(overlap.where(free, -1.0).argmax())
            if free[best] and overlap[best] >= threshold:
                right[row, place], free[best] = True, False
    return right


def _area(right: "np.ndarray[Any, Any]", count: int) -> float:
    """The mean over recalls of the best precision at each or beyond, of detections in the order of their scores."""
    hits = right.cumsum()
    precision = hits / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / count, RECALLS, side="left")
    return float(np.append(best, 0.0)[places].mean())
