"""Images and prompts of SAM 2, whose published processors need torchvision: numbers by the formulas that they follow."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import bestiary
from bestiary import InputError
from bestiary.core.logging import BestiaryWarning

RNG = np.random.default_rng(0)
IMAGES = [Image.fromarray(RNG.integers(0, 255, size, dtype=np.uint8)) for size in ((40, 51, 3), (45, 23, 3))]
SIZES = [[40, 51], [45, 23]]


def processor(**settings: Any) -> Any:
    edge = {"height": 32, "width": 32}
    return bestiary.Sam2Processor(bestiary.Sam2ImageProcessor(size=edge, mask_size={"height": 8, "width": 8}), **settings)


def test_images_are_squares_and_maps_as_large_as_masks() -> None:
    maps = [RNG.integers(0, 5, size) for size in SIZES]
    batch = processor()(IMAGES, segmentation_maps=maps, return_tensors="pt")
    assert set(batch) == {"pixel_values", "original_sizes", "labels"}
    assert batch["original_sizes"].tolist() == SIZES
    for image, pixels in zip(IMAGES, batch["pixel_values"], strict=True):
        levels = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)) / 255
        expected = (levels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        np.testing.assert_allclose(pixels.permute(1, 2, 0), expected, atol=1e-5)
    for classes, labels in zip(maps, batch["labels"], strict=True):
        down, across = ((np.arange(8) + 0.5) * edge / 8 for edge in classes.shape)
        np.testing.assert_array_equal(labels, classes[np.ix_(down.astype(int), across.astype(int))])


def test_prompts_are_scaled_by_each_edge_and_padded() -> None:
    points = [[[[10, 20], [1, 2]], [[3, 4]]], [[[5, 6]]]]
    batch = processor()(IMAGES, input_points=points, input_labels=[[[1, 0], [1]], [[1]]], return_tensors="pt")
    padding = [-10.0, -10.0]
    first = [[[320 / 51, 16.0], [32 / 51, 1.6]], [[96 / 51, 3.2], padding]]
    second = [[[160 / 23, 192 / 45], padding], [padding, padding]]
    torch.testing.assert_close(batch["input_points"], torch.tensor([first, second]))
    assert batch["input_labels"].tolist() == [[[1, 0], [1, -10]], [[1, -10], [-10, -10]]]
    unlabelled = processor()(IMAGES, input_points=points)
    assert unlabelled["input_labels"].tolist() == [[[1, 1], [1, -10]], [[1, -10], [-10, -10]]]
    boxes = processor(target_size=64)(IMAGES, input_boxes=[[[1, 2, 30, 20]], [[5, 6, 7, 8]]])["input_boxes"]
    expected = [[64 / 51, 3.2, 1920 / 51, 32.0], [320 / 23, 384 / 45, 448 / 23, 512 / 45]]
    torch.testing.assert_close(boxes[:, 0], torch.tensor(expected))


def test_prompts_for_images_that_were_processed_before() -> None:
    batch = processor(point_pad_value=-7)(original_sizes=SIZES, input_points=[[[[10, 20], [5, 5]]], [[[5, 6]]]])
    assert set(batch) == {"original_sizes", "input_points", "input_labels"}
    assert batch["input_labels"].tolist() == [[[1, 1]], [[1, -7]]]
    with pytest.raises(InputError, match="original_sizes"):
        processor()(input_points=[[[[10, 20]]]])


def test_masks_in_the_size_of_their_images() -> None:
    masks = [torch.randn(count, 3, 8, 8) for count in (2, 1)]
    numbers = processor().post_process_masks(masks, SIZES, binarize=False)
    for mask, size, found in zip(masks, SIZES, numbers, strict=True):
        torch.testing.assert_close(found, torch.nn.functional.interpolate(mask, size, mode="bilinear"))
    for found, number in zip(processor().post_process_masks(masks, SIZES, 0.3), numbers, strict=True):
        assert torch.equal(found, number > 0.3)
    apart = processor().post_process_masks(masks, SIZES, binarize=False, apply_non_overlapping_constraints=True)
    assert torch.equal(apart[0].amax(0), numbers[0].amax(0))
    assert (apart[0].amin(0) <= -10).all()
    assert torch.equal(apart[1], numbers[1])
    assert processor().post_process_masks([], []) == []
    with pytest.warns(BestiaryWarning, match="max_hole_area"):
        filled = processor().post_process_masks(masks, SIZES, max_hole_area=8.0)
    assert torch.equal(filled[0], numbers[0] > 0)
    with pytest.raises(InputError, match="one for each"):
        processor().post_process_masks(masks, SIZES[:1])
