"""Maps of segments and the steps of annotations, against the published image processor."""

from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import PIL.Image
import pytest
import torch
import transformers

from bestiary.compat import images
from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.detr import DetrImageProcessor
from bestiary.preprocess.image.segmentation import highest_class, resized

OURS, THEIRS = DetrImageProcessor(), transformers.DetrImageProcessorPil()
SIZES = [(20, 30), (12, 9)]


def outputs(seed: int, queries: int = 12) -> Any:
    """Predictions for two images: blobs that overlap, of four classes and nothing."""
    random = torch.Generator().manual_seed(seed)
    centers = torch.rand(2, queries, 2, generator=random)
    places = torch.stack(torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 14), indexing="ij"), -1)
    distances = (places[None, None] - centers[:, :, None, None]).norm(dim=-1)
    logits = torch.randn(2, queries, 5, generator=random) * 4
    return SimpleNamespace(logits=logits, pred_masks=4 - distances * 14 + torch.rand(2, queries, 1, 1, generator=random))


@pytest.mark.parametrize("sizes", [None, SIZES, torch.tensor(SIZES)])
@pytest.mark.parametrize("scores", [False, True])
def test_semantic(sizes: Any, scores: bool) -> None:
    listed = sizes.tolist() if isinstance(sizes, torch.Tensor) else sizes
    ours = OURS.post_process_semantic_segmentation(outputs(0), sizes, scores)
    theirs = THEIRS.post_process_semantic_segmentation(outputs(0), listed, scores)
    for one, other in zip(ours, theirs, strict=True):
        if scores:
            torch.testing.assert_close(one["segmentation_scores"], other["segmentation_scores"])
            one, other = one["segmentation"], other["segmentation"]
        assert torch.equal(one, other)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sizes", [None, SIZES])
@pytest.mark.parametrize("options", [{}, {"threshold": 0.8}, {"mask_threshold": 0.3, "overlap_mask_area_threshold": 0.2}])
def test_segments(seed: int, sizes: Any, options: dict[str, Any]) -> None:
    for fused in ({}, {"label_ids_to_fuse": {1, 2}}):
        ours = OURS.post_process_panoptic_segmentation(outputs(seed), target_sizes=sizes, **options, **fused)
        theirs = THEIRS.post_process_panoptic_segmentation(outputs(seed), target_sizes=sizes, **options, **fused)
        for one, other in zip(ours, theirs, strict=True):
            if len({each["label_id"] for each in other["segments_info"]}) < len(other["segments_info"]) and fused:
                continue  # numbers of segments behind one that was fused are given twice there
            assert one["segments_info"] == other["segments_info"]
            assert torch.equal(one["segmentation"], other["segmentation"])
            assert one["segmentation"].dtype == other["segmentation"].dtype
    for coded in (False, True):
        arguments = {"target_sizes": sizes, "return_coco_annotation": coded, **options}
        ours = OURS.post_process_instance_segmentation(outputs(seed), **arguments)
        theirs = THEIRS.post_process_instance_segmentation(outputs(seed), **arguments)
        for one, other in zip(ours, theirs, strict=True):
            assert one["segments_info"] == other["segments_info"]
            if one["segments_info"] or not coded:
                maps = one["segmentation"], other["segmentation"]
                assert [list(map(int, row)) for row in maps[0]] == [list(map(int, row)) for row in maps[1]]


def test_fused_objects_are_one_segment_and_the_next_has_a_number_of_its_own() -> None:
    logits = torch.full((1, 3, 3), -9.0)
    logits[0, [0, 1, 2], [0, 1, 0]] = 9.0
    masks = torch.full((1, 3, 3, 3), -9.0)
    for row in range(3):
        masks[0, row, row] = 9.0
    (result,) = OURS.post_process_panoptic_segmentation(SimpleNamespace(logits=logits, pred_masks=masks), label_ids_to_fuse={0})
    assert result["segmentation"].tolist() == [[1] * 3, [2] * 3, [1] * 3]
    assert [(each["id"], each["was_fused"]) for each in result["segments_info"]] == [(1, True), (2, False), (1, True)]


def test_nothing_is_there() -> None:
    logits = torch.zeros(1, 2, 3)
    logits[..., -1] = 9.0
    empty = SimpleNamespace(logits=logits, pred_masks=torch.zeros(1, 2, 4, 5))
    for sizes in (None, [(2, 3)]):
        (ours,), (theirs,) = (each.post_process_panoptic_segmentation(empty, target_sizes=sizes) for each in (OURS, THEIRS))
        assert torch.equal(ours["segmentation"], theirs["segmentation"])
        assert ours["segments_info"] == theirs["segments_info"] == []
    with pytest.raises(InputError, match="2 sizes for 1 images"):
        OURS.post_process_semantic_segmentation(empty, SIZES)


OBJECTS = [
    {"bbox": [2, 3, 10, 20], "category_id": 4, "area": 30.0, "iscrowd": 0},
    {"bbox": [0, 0, 60, 5], "category_id": 1, "area": 9.0, "iscrowd": 0},
]
ANNOTATION = {"image_id": 7, "annotations": OBJECTS}


def test_steps_of_an_annotation() -> None:
    image = np.zeros((3, 20, 30), np.uint8)
    results = []
    for each in (OURS, THEIRS):
        prepared = each.prepare_annotation(image, ANNOTATION, format="coco_detection", input_data_format="channels_first")
        resized = each.resize_annotation(prepared, (20, 30), (10, 15))
        results.append((prepared, resized, each.normalize_annotation(resized, (10, 15))))
    for ours, theirs in zip(*results, strict=True):
        assert list(ours) == list(theirs)
        for name, value in theirs.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-6)
    with pytest.raises(ArgumentError, match="'coco_voc' are not read here"):
        OURS.prepare_annotation(image, ANNOTATION, format="coco_voc")


def test_labels_have_the_published_order() -> None:
    image = PIL.Image.new("RGB", (30, 20))
    labels = [each(image, annotations=ANNOTATION, return_tensors="pt")["labels"][0] for each in (OURS, THEIRS)]
    assert list(labels[0]) == list(labels[1])


def test_rgb() -> None:
    image = PIL.Image.new("RGBA", (3, 4))
    assert np.array_equal(OURS.convert_to_rgb(image), np.asarray(THEIRS.convert_to_rgb(image)))
    grey = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    assert OURS.convert_to_rgb(grey).shape == (3, 3, 4)


def test_what_an_image_is() -> None:
    assert np.ndarray in get_args(images.ImageInput)
    assert len(get_args(images.ImageInput)) == len(get_args(transformers.image_utils.ImageInput))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [(13, 9), (3, 4)])
@pytest.mark.parametrize("rows", [7, 1])
def test_classes_that_are_nowhere_the_highest_are_not_enlarged(dtype: torch.dtype, size: tuple[int, int], rows: int) -> None:
    scores = torch.rand(9, rows, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    scores[[1, 3, 4, 8]] *= 0.01
    scores[6] = scores[2]  # of equals the first
    assert torch.equal(highest_class(scores, size), resized(scores, size).argmax(0))
    assert torch.equal(highest_class(scores.fill_(torch.nan), size), torch.zeros(size, dtype=torch.long))
