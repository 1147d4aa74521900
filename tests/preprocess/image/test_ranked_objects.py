"""Objects of the processors of detectors whose classes are judged one by one, against the reference's Pillow processors."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import bestiary

FAMILIES = {"ConditionalDetr": "conditional_detr", "DeformableDetr": "deformable_detr"}


def published(name: str) -> Any:
    """The reference's Pillow processor of these models."""
    folder = FAMILIES[name]
    module = import_module(f"transformers.models.{folder}.image_processing_pil_{folder}")
    return getattr(module, f"{name}ImageProcessorPil")()


def outputs(images: int, queries: int, classes: int) -> Any:
    random = torch.Generator().manual_seed(queries)
    logits = torch.randn(images, queries, classes, generator=random) * 2
    return SimpleNamespace(logits=logits, pred_boxes=torch.rand(images, queries, 4, generator=random))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 60, 7), (2, 0, 4)], ids=str)
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.999])
def test_objects_are_the_published_ones(name: str, shape: tuple[int, int, int], threshold: float) -> None:
    ours, theirs = getattr(bestiary, f"{name}ImageProcessor")(), published(name)
    for sizes in (None, [(100, 200), (50, 60)][: shape[0]], torch.tensor([[100, 200], [50, 60]])[: shape[0]]):
        for further in ({}, {"top_k": 4}):
            found = ours.post_process_object_detection(outputs(*shape), threshold, sizes, **further)
            expected = theirs.post_process_object_detection(outputs(*shape), threshold, sizes, **further)
            assert len(found) == len(expected)
            for mine, other in zip(found, expected, strict=True):
                assert mine.keys() == other.keys()
                for field, value in other.items():
                    assert torch.equal(mine[field], value)


@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 60, 7), (2, 0, 4)], ids=str)
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.999])
def test_objects_of_queries_are_the_published_ones(shape: tuple[int, int, int], threshold: float) -> None:
    module = import_module("transformers.models.rt_detr.image_processing_pil_rt_detr")
    ours, theirs = bestiary.RTDetrImageProcessor(), module.RTDetrImageProcessorPil()
    for sizes in (None, [(100, 200), (50, 60)][: shape[0]], torch.tensor([[100, 200], [50, 60]])[: shape[0]]):
        found = ours.post_process_object_detection(outputs(*shape), threshold, sizes)
        expected = theirs.post_process_object_detection(outputs(*shape), threshold, sizes)
        assert len(found) == len(expected)
        for mine, other in zip(found, expected, strict=True):
            assert mine.keys() == other.keys()
            for field, value in other.items():
                assert torch.equal(mine[field], value)


def test_queries_whose_last_class_means_nothing() -> None:
    """The published function takes shares among the images of a batch then, not among classes: these are DETR's."""
    found = bestiary.RTDetrImageProcessor().post_process_object_detection(outputs(2, 9, 4), 0.3, use_focal_loss=False)
    expected = bestiary.DetrImageProcessor().post_process_object_detection(outputs(2, 9, 4), 0.3)
    for mine, other in zip(found, expected, strict=True):
        assert all(torch.equal(mine[field], value) for field, value in other.items())


def test_maps_of_segmentation_are_the_published_ones() -> None:
    ours, theirs = bestiary.ConditionalDetrImageProcessor(), published("ConditionalDetr")
    torch.manual_seed(0)
    predicted = SimpleNamespace(logits=torch.randn(2, 5, 4) * 3, pred_masks=torch.randn(2, 5, 8, 6) * 3)
    for kind in ("semantic", "instance", "panoptic"):
        for sizes in (None, [(20, 31), (9, 5)]):
            found, expected = (
                getattr(each, f"post_process_{kind}_segmentation")(predicted, target_sizes=sizes) for each in (ours, theirs)
            )
            for mine, other in zip(found, expected, strict=True):
                if kind == "semantic":
                    assert torch.equal(mine, other)
                else:
                    assert torch.equal(mine["segmentation"], other["segmentation"])
                    assert mine["segments_info"] == other["segments_info"]
