"""Boxes by hand."""

import pytest
import torch
from torch import nn

from bestiary.core.errors import NumericsError
from bestiary.nn.boxes import area, center_to_corners, corners_to_center, generalized_iou, iou, pairwise_generalized_iou
from bestiary.nn.detection import Predicted, SetLoss, read_labels
from bestiary.nn.frozen_norm import FrozenBatchNorm2d, freeze_batch_norms

CORNERS = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0], [4.0, 0.0, 5.0, 2.0]])


def test_both_forms_say_the_same() -> None:
    centers = corners_to_center(CORNERS)
    assert centers.tolist() == [[1, 1, 2, 2], [2, 2, 2, 2], [4.5, 1, 1, 2]]
    assert torch.equal(center_to_corners(centers), CORNERS)
    assert area(CORNERS).tolist() == [4, 4, 2]


def test_overlap() -> None:
    overlap, union = iou(CORNERS[0], CORNERS[1])
    assert overlap.item() == pytest.approx(1 / 7)
    assert union.item() == 7
    # The box around the first two covers 9, that around the first and the last 10, of which they cover 6.
    assert generalized_iou(CORNERS[0], CORNERS[1]).item() == pytest.approx(1 / 7 - 2 / 9)
    assert pairwise_generalized_iou(CORNERS[:1], CORNERS)[0].tolist() == pytest.approx([1, 1 / 7 - 2 / 9, -4 / 10])


def test_the_cheapest_pairs_are_matched() -> None:
    boxes = corners_to_center(CORNERS) / 5
    logits = torch.zeros(1, 3, 3)
    labels = [{"class_labels": torch.tensor([0, 1]), "boxes": boxes[[2, 0]]}]
    predicted = Predicted(logits, boxes[None])
    ((queries, objects),) = SetLoss().match(predicted, read_labels(labels, predicted))
    assert dict(zip(queries.tolist(), objects.tolist(), strict=True)) == {0: 1, 2: 0}
    total, losses = SetLoss()(predicted, labels)
    assert losses["loss_bbox"].item() == pytest.approx(0, abs=1e-6)
    assert losses["cardinality_error"].item() == 1
    assert total.item() == pytest.approx(torch.tensor(3.0).log().item(), abs=1e-5)
    with pytest.raises(NumericsError, match="NaN or infinite"):
        SetLoss()(Predicted(logits * torch.nan, boxes[None]), labels)


def test_a_frozen_norm_is_the_norm_it_replaces_and_stays_so_in_training() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4, eps=1e-3)))
    norm = model[1][0]
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        tensor.add_(torch.rand(4))
    x = torch.randn(2, 3, 5, 6)
    expected = model.eval()(x)
    freeze_batch_norms(model)
    assert isinstance(model[1][0], FrozenBatchNorm2d)
    torch.testing.assert_close(model.train()(x), expected)
    assert not list(model[1].parameters())
