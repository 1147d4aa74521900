"""Images with objects, against the reference's Pillow processor, and what it has no answer for by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil
from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

from bestiary import AutoImageProcessor, DetrImageProcessor, YolosImageProcessor
from bestiary.core.errors import ConfigError, InputError

SIZE = {"shortest_edge": 32, "longest_edge": 50}
IMAGES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8))
    for seed, shape in enumerate([(60, 80, 3), (50, 40, 3)])
]
INSIDE = {"bbox": [10, 5, 20, 30], "category_id": 3, "area": 600, "iscrowd": 0}
BEYOND = {"bbox": [-5, -5, 200, 20], "category_id": 1, "area": 50}
CROWD = {"bbox": [1, 1, 5, 5], "category_id": 2, "area": 25, "iscrowd": 1}
EMPTY = {"bbox": [4, 4, 0, 9], "category_id": 2, "area": 0, "iscrowd": 0}
ANNOTATIONS = [
    {"image_id": 7, "annotations": [INSIDE, BEYOND, CROWD, EMPTY]},
    {"image_id": 8, "annotations": []},
]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_convert_annotations": False},
        {"do_pad": False, "return_tensors": None},
        {"pad_size": {"height": 64, "width": 70}},
        {"size": {"height": 30, "width": 41}},
        {"size": {"max_height": 30, "max_width": 33}},
        {"do_normalize": False, "do_rescale": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("kinds", [(DetrImageProcessor, DetrImageProcessorPil), (YolosImageProcessor, YolosImageProcessorPil)])
def test_pixels_masks_and_labels(kinds: Any, options: dict[str, Any]) -> None:
    ours, reference = (kind(size=SIZE) for kind in kinds)
    call = {"return_tensors": "pt", **options}
    result, expected = ours(IMAGES, annotations=ANNOTATIONS, **call), reference(IMAGES, annotations=ANNOTATIONS, **call)
    assert set(result) == set(expected)
    for name in set(expected) - {"labels"}:
        for mine, theirs in zip(result[name], expected[name], strict=True):
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))
    for mine, theirs in zip(result["labels"], expected["labels"], strict=True):
        assert set(mine) >= set(theirs)
        for name, value in theirs.items():
            np.testing.assert_allclose(np.asarray(mine[name]), np.asarray(value), rtol=1e-5, atol=1e-6, err_msg=name)
            assert name == "size" or mine[name].dtype == value.dtype


@pytest.mark.parametrize("shape", [(30, 40), (333, 500), (100, 700), (511, 33), (800, 1067), (805, 1333), (17, 1000)])
def test_yolos_sizes_are_multiples(shape: tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8))
    found, expected = (kind()(image, return_tensors="np") for kind in (YolosImageProcessor, YolosImageProcessorPil))
    np.testing.assert_array_equal(found["pixel_values"], expected["pixel_values"])


def test_without_resizing_the_size_is_told_all_the_same() -> None:
    labels = DetrImageProcessor(size=SIZE)(IMAGES, annotations=ANNOTATIONS, do_resize=False, return_tensors="np")["labels"]
    assert [label["size"].tolist() for label in labels] == [[60, 80], [60, 80]]
    np.testing.assert_allclose(labels[0]["boxes"][0], [20 / 80, 20 / 60, 20 / 80, 30 / 60], rtol=1e-6)


def test_one_image_and_its_annotation() -> None:
    batch = DetrImageProcessor(size=SIZE)(IMAGES[0], annotations=ANNOTATIONS[0], return_tensors="pt")
    assert batch["labels"][0]["class_labels"].tolist() == [3, 1]
    half = batch.to(torch.float16)
    assert half["labels"][0]["boxes"].dtype == half["pixel_values"].dtype == torch.float16
    assert half["labels"][0]["class_labels"].dtype == torch.int64


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([ANNOTATIONS[0]], "found 1 for 2 images"),
        ([{"image_id": 7}] * 2, "with image_id and annotations"),
        ([{"annotations": []}] * 2, "with image_id and annotations"),
        ([{"image_id": 7, "annotations": [{"bbox": [1, 2, 3, 4]}]}] * 2, "object 0 of image 7 has no category_id, no area"),
        ([{"image_id": 7, "annotations": [{**INSIDE, "bbox": [1, 2]}]}] * 2, "expected left, top, width and height"),
        (3, "found 3 for 2 images"),
    ],
    ids=str,
)
def test_annotations_that_are_none(annotations: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DetrImageProcessor(size=SIZE)(IMAGES, annotations=annotations)


def test_the_settings_of_older_files() -> None:
    older = {"feature_extractor_type": "DetrFeatureExtractor", "size": 800, "max_size": 1333, "format": "coco_panoptic"}
    processor = DetrImageProcessor.from_dict(older)
    assert processor.size == {"shortest_edge": 800, "longest_edge": 1333}
    assert "max_size" not in processor.to_dict()
    assert DetrImageProcessor(pad_and_return_pixel_mask=False).do_pad is False
    with pytest.raises(InputError, match="format='coco_detection'"):
        processor(IMAGES, annotations=ANNOTATIONS, size=SIZE)
    with pytest.raises(ConfigError, match="coco_detection or coco_panoptic"):
        DetrImageProcessor(format="voc")


def test_the_reference_opens_ours_and_ours_its(tmp_path: Any) -> None:
    DetrImageProcessor(size=SIZE).save_pretrained(tmp_path)
    reference = DetrImageProcessorPil.from_pretrained(tmp_path)
    assert dict(reference.size) == SIZE
    reference.save_pretrained(tmp_path)
    assert AutoImageProcessor.from_pretrained(tmp_path).to_dict() == DetrImageProcessor(size=SIZE).to_dict()


class Outputs:
    """What a detector says of two images."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.logits, self.pred_boxes = torch.randn(2, 6, 4) * 3, torch.rand(2, 6, 4)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("sizes", [None, [(100, 200), (50, 60)], torch.tensor([[100, 200], [50, 60]])], ids=type)
def test_objects_in_predictions(threshold: float, sizes: Any) -> None:
    expected = DetrImageProcessorPil().post_process_object_detection(Outputs(), threshold, sizes)
    result = DetrImageProcessor().post_process_object_detection(Outputs(), threshold, sizes)
    for mine, theirs in zip(result, expected, strict=True):
        assert set(mine) == set(theirs)
        for name, value in theirs.items():
            torch.testing.assert_close(mine[name], value)


def test_a_size_for_each_image() -> None:
    with pytest.raises(InputError, match="1 sizes for 2 images"):
        DetrImageProcessor().post_process_object_detection(Outputs(), target_sizes=[(1, 2)])
