"""Pairs of images as tensors, and matches in pixels of the images, from random answers of a model."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers.models.lightglue.modeling_lightglue import LightGlueKeypointMatchingOutput as Published

import bestiary
from bestiary.core.errors import InputError
from bestiary.models.lightglue.model import LightGlueKeypointMatchingOutput

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((33, 41), (20, 57), (5, 9), (64, 64))]
PICTURES = [Image.fromarray(image) for image in IMAGES]
NAMES = ["LightGlueImageProcessor"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"do_grayscale": False}, {"size": {"height": 17, "width": 23}}])
def test_pixels_as_published(name: str, options: dict[str, Any]) -> None:
    ours, theirs = getattr(bestiary, name)(**options), getattr(transformers, f"{name}Pil")(**options)
    for images in (IMAGES[:2], PICTURES[:2], [IMAGES[:2], IMAGES[2:]], [tuple(PICTURES[:2]), PICTURES[2:]]):
        expected = theirs(images, return_tensors="pt").pixel_values
        found = ours(images, return_tensors="pt").pixel_values
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
        listed = ours(images).pixel_values
        assert [[each.shape for each in pair] for pair in listed] == [[each.shape for each in pair] for pair in found.numpy()]


def test_arrays_of_pairs() -> None:
    processor = bestiary.LightGlueImageProcessor(size={"height": 17, "width": 23})
    pair = np.stack([IMAGES[3], IMAGES[3][::-1]])
    expected = processor(list(pair), return_tensors="pt").pixel_values
    assert torch.equal(processor(pair, return_tensors="pt").pixel_values, expected)
    several = processor(torch.tensor(np.stack([pair] * 3)), return_tensors="pt").pixel_values
    assert torch.equal(several, expected.expand(3, -1, -1, -1, -1))
    last = processor(pair, return_tensors="pt", data_format="channels_last").pixel_values
    assert torch.equal(last, expected.permute(0, 1, 3, 4, 2))


def test_what_is_no_pair() -> None:
    processor = bestiary.LightGlueImageProcessor()
    for wrong in (IMAGES[0], IMAGES[:1], IMAGES[:3], IMAGES, [IMAGES[:2], IMAGES[:1]], [], PICTURES[0]):
        with pytest.raises(InputError, match="expected a pair of images"):
            processor(wrong)
    with pytest.raises(InputError, match="cannot be stacked"):
        processor(IMAGES[:2], do_resize=False, return_tensors="pt")


def answers(count: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(count)
    matches = torch.stack([torch.randperm(count, generator=draw) for _ in range(6)]).view(3, 2, count)
    return {
        "keypoints": torch.rand(3, 2, count, 2, generator=draw),
        "matching_scores": torch.rand(3, 2, count, generator=draw),
        "matches": matches.masked_fill(torch.rand(3, 2, count, generator=draw) < 0.3, -1),
        "mask": (torch.rand(3, 2, count, generator=draw) > 0.2).int(),
    }


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_matches_as_published(count: int, as_tensor: bool, threshold: float) -> None:
    values = answers(count) | {"mask": torch.ones(3, 2, count, dtype=torch.int)}
    sizes: Any = [[(40, 61), (7, 300)], [(480, 640), (3, 3)], [(50, 60), (70, 80)]]
    sizes = torch.tensor(sizes) if as_tensor else sizes
    expected = transformers.LightGlueImageProcessorPil().post_process_keypoint_matching(Published(**values), sizes, threshold)
    processor = bestiary.LightGlueImageProcessor()
    found = processor.post_process_keypoint_matching(LightGlueKeypointMatchingOutput(**values), sizes, threshold)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            assert ours[name].dtype == theirs[name].dtype
            assert torch.equal(ours[name], theirs[name])
    with pytest.raises(InputError, match="target_sizes has shape"):
        processor.post_process_keypoint_matching(LightGlueKeypointMatchingOutput(**values), sizes[:2])


def test_points_that_only_fill_up_match_nothing() -> None:
    values = answers(7)
    found = bestiary.LightGlueImageProcessor().post_process_keypoint_matching(
        LightGlueKeypointMatchingOutput(**values), [[(9, 9), (9, 9)]] * 3
    )
    real = values["mask"][:, 0].bool() & (values["matches"][:, 0] > -1)
    assert [len(each["matching_scores"]) for each in found] == real.sum(1).tolist()


def test_pairs_are_drawn_side_by_side() -> None:
    processor = bestiary.LightGlueImageProcessor()
    points = {"keypoints0": torch.tensor([[3, 4]]), "keypoints1": torch.tensor([[8, 10]]), "matching_scores": torch.ones(1)}
    black = [np.zeros_like(each) for each in IMAGES[:2]]
    [drawn, without] = processor.visualize_keypoint_matching(
        [black, black], [points, {name: values[:0] for name, values in points.items()}]
    )
    assert drawn.size == without.size == (41 + 57, 33)
    assert not np.asarray(without).any()
    pixels = np.asarray(drawn).any(-1)
    assert pixels[7, 26], "the middle between (3, 4) and (41 + 8, 10)"
    with pytest.raises(InputError, match="2 pairs of images and answers for 1"):
        processor.visualize_keypoint_matching([black, black], [points])
