"""Images, maps and prompts of SAM as its published processor makes them, and what becomes of its masks."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers import SamImageProcessorPil

import bestiary
from bestiary import InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess.image.mask_generation import best_apart, cut_by_crop
from bestiary.preprocess.image.run_lengths import from_runs, to_runs

SMALL = {
    "size": {"longest_edge": 32},
    "pad_size": {"height": 32, "width": 32},
    "mask_size": {"longest_edge": 8},
    "mask_pad_size": {"height": 8, "width": 8},
}
RNG = np.random.default_rng(0)
IMAGES = [Image.fromarray(RNG.integers(0, 255, size, dtype=np.uint8)) for size in ((40, 51, 3), (45, 23, 3))]
MAPS = [RNG.integers(0, 5, size) for size in ((40, 51), (45, 23))]


def both() -> tuple[Any, Any]:
    ours = bestiary.SamProcessor(bestiary.SamImageProcessor(**SMALL))
    return ours, transformers.SamProcessor(SamImageProcessorPil(**SMALL))


def same(ours: Any, theirs: Any) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize(
    "prompts",
    [
        {"segmentation_maps": MAPS},
        {"input_points": [[[10, 20]], [[5, 6]]]},
        {"input_points": [[[10, 20], [1, 2]], [[5, 6]]], "input_labels": [[1, 0], [1]]},
        {"input_points": torch.tensor([[[[10, 20]]], [[[5, 6]]]]), "input_labels": torch.tensor([[[1]], [[0]]])},
        {
            "input_points": [[[[1, 2]], [[3, 4]]], [[[5, 6]], [[7, 8]]]],
            "input_boxes": [[[1, 2, 30, 20]] * 2, [[5, 6, 7, 8]] * 2],
        },
    ],
)
def test_prompts_are_the_published_ones(prompts: dict[str, Any]) -> None:
    ours, theirs = both()
    same(ours(IMAGES, return_tensors="pt", **prompts), theirs(IMAGES, return_tensors="pt", **prompts))
    found = ours(IMAGES, return_tensors="np", **prompts)
    assert all(isinstance(value, np.ndarray) for value in found.values())


def test_prompts_of_any_number_of_points_and_any_depth() -> None:
    ours, _ = both()
    batch = ours(IMAGES, input_points=[[[[10, 20], [1, 2]], [[3, 4]]], [[[5, 6]], [[7, 8]]]], return_tensors="pt")
    assert batch["input_points"].shape == (2, 2, 2, 2)
    assert batch["input_labels"].tolist() == [[[1, 1], [1, -10]], [[1, -10], [1, -10]]]
    for points in ([[10, 20]], [[[10, 20]]], np.array([[[[10, 20]]]])):
        expected = [[[[10 * 32 / 51, 20 * 25 / 40]]]]
        torch.testing.assert_close(ours(IMAGES[0], input_points=points)["input_points"], np.array(expected))


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ({"input_points": "x"}, "expected .image..mask..point."),
        ({"input_points": [[[1, 2]]]}, "for 1 images, and 2"),
        ({"input_points": [[[[1, 2]]], [[[1, 2]], [[3, 4]]]]}, "as many of each"),
        ({"input_points": [[[1, 2]], [[1, float("nan")]]]}, "finite"),
        ({"input_points": [[[1, 2]], [[1, 2]]], "input_labels": [[1], [7]]}, "1 .a point of the object"),
        ({"input_points": [[[1, 2]], [[1, 2]]], "input_labels": [[1], [1, 0]]}, "one each"),
        ({"input_labels": [[1], [1]]}, "pass input_points"),
        ({"input_boxes": [[[1, 2, 3]], [[1, 2, 3]]]}, "rows of 4"),
        ({"input_points": [[[1, 2]], [[1, 2]]], "input_boxes": [[[1, 2, 3, 4]] * 2] * 2}, "expected the same"),
        ({"text": "a cat"}, "takes no text"),
        ({"segmentation_maps": MAPS[:1]}, "one for each image"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(prompts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        both()[0](IMAGES, **prompts)


def test_prompts_outside_of_the_image_are_computed_with_a_warning() -> None:
    ours, theirs = both()
    prompts = {"input_points": [[[100, -20]], [[5, 6]]], "input_boxes": [[[30, 2, 3, 4]], [[1, 2, 300, 4]]]}
    with pytest.warns(BestiaryWarning) as caught:
        found = ours(IMAGES, return_tensors="pt", **prompts)
    same(found, theirs(IMAGES, return_tensors="pt", **prompts))
    text = " ".join(str(each.message) for each in caught)
    for said in ("outside of an image 51 pixels wide", "outside of an image 23 pixels wide", "comes first"):
        assert said in text


def test_masks_in_the_size_of_their_images() -> None:
    ours, theirs = (each.image_processor for each in both())
    masks = [torch.randn(count, 3, 8, 8) for count in (2, 1)]
    sizes = torch.tensor([[40, 51], [45, 23]]), torch.tensor([[25, 32], [32, 16]])
    for options in ({}, {"mask_threshold": 0.3}, {"binarize": False}, {"pad_size": {"height": 64, "width": 64}}):
        for mine, published in zip(
            ours.post_process_masks(masks, *sizes, **options), theirs.post_process_masks(masks, *sizes, **options), strict=True
        ):
            torch.testing.assert_close(mine, published)
    assert ours.post_process_masks([], [], []) == []
    empty = ours.post_process_masks([torch.randn(0, 3, 8, 8)], sizes[0][:1], sizes[1][:1])
    assert [each.shape for each in empty] == [(0, 3, 40, 51)]
    with pytest.raises(InputError, match="one of each"):
        ours.post_process_masks(masks, sizes[0][:1], sizes[1])


def test_crops_and_their_points_are_the_published_ones() -> None:
    ours, theirs = (each.image_processor for each in both())
    image = np.asarray(IMAGES[0])
    for options in ({}, {"crop_n_layers": 2, "points_per_crop": 4, "overlap_ratio": 0.2}):
        mine, published = (each.generate_crop_boxes(image, 32, **options) for each in (ours, theirs))
        for one, other in zip(mine, published, strict=True):
            for a, b in zip(one, other, strict=True) if isinstance(one, list) else [(one, other)]:
                np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(InputError, match="different numbers of points"):
        ours.generate_crop_boxes(image, 32, crop_n_layers=1, crop_n_points_downscale_factor=2)


@pytest.mark.parametrize("crop", [(0, 0, 90, 60), (50, 60, 140, 120)])
def test_masks_are_filtered_as_published(crop: tuple[int, ...]) -> None:
    ours, theirs = (each.image_processor for each in both())
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(8, 3, 3, 4, generator=generator)
    masks = 6 * torch.nn.functional.interpolate(coarse, (60, 90), mode="bilinear")
    masks[0, 0], masks[1, 1] = -1, 1  # nothing, everything
    masks[2, :, :, :25] = masks[2, :, :, -25:] = masks[2, :, :25] = masks[2, :, -25:] = -1
    masks[2, :, 30, 40] = 9
    scores = torch.rand(8, 3, generator=generator)
    size = (60, 90) if crop[0] == 0 else (160, 190)
    for limits in ((0.3, 0.2), (0.0, 0.0), (0.2, 0.5), (2.0, 0.0)):
        options = dict(zip(("pred_iou_thresh", "stability_score_thresh"), limits, strict=True))
        mine = ours.filter_masks(masks, scores, size, crop, **options)
        published = theirs.filter_masks(masks, scores, size, list(crop), **options)
        assert mine[0] == published[0]
        torch.testing.assert_close(mine[1:], published[1:], check_dtype=bool(mine[0]))


def test_run_lengths_there_and_back() -> None:
    for mask in (RNG.random((7, 5)) > 0.5, np.zeros((3, 4), bool), np.ones((3, 4), bool)):
        np.testing.assert_array_equal(from_runs(to_runs(mask)), mask)
    assert to_runs(np.array([[True, False], [True, True]])) == {"size": [2, 2], "counts": [0, 2, 1, 1]}


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    corners = torch.rand(40, 2, 2) * 50
    boxes = torch.cat((corners.amin(1), corners.amax(1) + 5), dim=-1)
    scores = torch.rand(40)
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        left, top, right, bottom = boxes[index].tolist()
        for other in kept:
            low, high, right_2, bottom_2 = boxes[other].tolist()
            inner = max(0, min(right, right_2) - max(left, low)) * max(0, min(bottom, bottom_2) - max(top, high))
            union = (right - left) * (bottom - top) + (right_2 - low) * (bottom_2 - high) - inner
            if inner / union > 0.3:
                break
        else:
            kept.append(index)
    assert best_apart(boxes, scores, 0.3).tolist() == kept
    assert 1 < len(kept) < 40
    assert best_apart(boxes[:0], scores[:0], 0.3).tolist() == []
    assert cut_by_crop(torch.tensor([[60, 60, 100, 100], [90, 80, 100, 100]]), (50, 50, 200, 200), (400, 400)).tolist() == [
        True,
        False,
    ]
