"""Average precision: numbers of COCO's own evaluation, and cases that can be counted by hand."""

import math

import numpy as np
import pytest
import torch

from bestiary.core.errors import InputError
from bestiary.training.metrics.average_precision import average_precision

SQUARE = [0.0, 0.0, 10.0, 10.0]


def drawn(seed, images=12, classes=3):
    """Images with some objects, and detections near them, some of them of a wrong class or twice."""
    draw, predictions, references = np.random.default_rng(seed), [], []
    for _ in range(images):
        count = draw.integers(0, 5)
        corners = draw.random((count, 2)) * 60
        boxes = np.concatenate([corners, corners + draw.random((count, 2)) * 30 + 8], 1).round(2)
        labels = draw.integers(0, classes, count)
        number = count + draw.integers(0, 4)
        index = draw.integers(0, count, number) if count else np.zeros(0, int)
        if count:
            near = boxes[index] + draw.normal(0, 1.5, (number, 4))
            read = np.where(draw.random(number) < 0.85, labels[index], draw.integers(0, classes, number))
        else:
            number = int(draw.integers(0, 3))
            near, read = np.tile([1.0, 1, 9, 9], (number, 1)), draw.integers(0, classes, number)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        predictions.append({"scores": draw.random(number).round(3), "labels": read, "boxes": near})
        references.append({"labels": labels, "boxes": boxes})
    return predictions, references


@pytest.mark.parametrize(
    ("seed", "expected"),  # of COCOeval in pycocotools 2.0
    [(0, (0.34380905, 0.62225371, 0.30776893)), (4, (0.40184268, 0.59180078, 0.49951281))],
)
def test_numbers_of_coco(seed, expected):
    assert tuple(average_precision(*drawn(seed)).values()) == pytest.approx(expected, abs=1e-7)


def test_by_hand():
    reference = [{"labels": [1, 1], "boxes": [SQUARE, [20, 20, 30, 30]]}]
    one = {"scores": [0.9], "labels": [1], "boxes": [SQUARE]}
    assert average_precision([one], reference)["map"] == pytest.approx(51 / 101)  # recalls 0 to 0.5
    twice = {"scores": [0.9, 0.8, 0.7], "labels": [1, 1, 1], "boxes": [SQUARE, SQUARE, [20, 20, 30, 30]]}
    assert average_precision([twice], reference)["map"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    loose = {"scores": [0.9], "labels": [1], "boxes": [[0, 0, 10, 6]]}  # overlaps 0.6
    scores = average_precision([loose], [{"labels": [1], "boxes": [SQUARE]}])
    assert scores == {"map": pytest.approx(0.3), "map_50": 1.0, "map_75": 0.0}


def test_nothing_detected_and_nothing_there():
    nothing = {"scores": torch.zeros(0), "labels": torch.zeros(0), "boxes": torch.zeros(0, 4)}
    assert average_precision([nothing], [{"labels": [0], "boxes": [SQUARE]}])["map"] == 0
    assert all(map(math.isnan, average_precision([nothing], [nothing]).values()))


def test_columns_that_do_not_fit():
    whole = {"scores": [0.5], "labels": [0], "boxes": [SQUARE]}
    with pytest.raises(InputError, match="1 predictions and 0 references"):
        average_precision([whole], [])
    with pytest.raises(InputError, match="image 0 has .*'scores': 2"):
        average_precision([{**whole, "scores": [0.5, 0.4]}], [whole])
