"""EoMT's images cut and padded, its labels, and its maps, against the published image processor."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import bestiary
from bestiary.core.errors import InputError

SIZES = [(20, 40), (50, 31)]
EDGES = {"shortest_edge": 32, "longest_edge": 32}
CUT = {"size": {"shortest_edge": 32, "longest_edge": None}, "do_split_image": True}
RANDOM = np.random.default_rng(0)
IMAGES = [Image.fromarray(RANDOM.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in SIZES]
MAPS = [RANDOM.integers(0, 4, size).astype(np.uint8) for size in SIZES]


def both(**settings: Any) -> tuple[Any, Any]:
    return bestiary.EomtImageProcessor(**settings), transformers.EomtImageProcessorPil(**settings)


def predictions(seed: int, rows: int = 2) -> Any:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 6, 5, generator=random) * 3
    masks = torch.randn(rows, 6, 8, 8, generator=random) * 3
    masks[0, 0] = -5.0
    return SimpleNamespace(class_queries_logits=logits, masks_queries_logits=masks, patch_offsets=None)


@pytest.mark.parametrize("settings", [{"size": EDGES}, {"size": EDGES, "do_pad": True}, CUT])
def test_images(settings: dict[str, Any]) -> None:
    found, expected = (each(IMAGES) for each in both(**settings))
    assert found.keys() == expected.keys()
    for one, other in zip(found["pixel_values"], expected["pixel_values"], strict=True):
        torch.testing.assert_close(torch.as_tensor(one), torch.as_tensor(other), atol=1e-5, rtol=0)
    assert [each.tolist() for each in found["patch_offsets"]] == [each.tolist() for each in expected["patch_offsets"]]


@pytest.mark.parametrize("settings", [{"size": {"height": 32, "width": 24}}, CUT, {"size": EDGES, "do_pad": True}])
@pytest.mark.parametrize("ignored", [None, 0, 255])
@pytest.mark.parametrize("classes", [None, {0: 9, 1: 7, 2: 5, 3: 5}, [{0: 9, 1: 7, 2: 5, 3: 5}, {0: 1, 1: 2, 2: 3, 3: 4}]])
def test_labels(settings: dict[str, Any], ignored: int | None, classes: Any) -> None:
    """Padding belongs to no mask; in the published one it holds 0."""
    call = {"segmentation_maps": MAPS, "instance_id_to_semantic_id": classes, "return_tensors": "pt"}
    if "do_split_image" in settings and isinstance(classes, list):
        return  # the published one takes the tables of pieces for those of images
    found, expected = (each(IMAGES, **call) for each in both(ignore_index=ignored, **settings))
    real = torch.ones(2, 1, 32, 32)
    if "do_pad" in settings:
        real[0, :, 16:], real[1, :, :, 20:] = 0, 0
    assert all(torch.equal(*pair) for pair in zip(found["class_labels"], expected["class_labels"], strict=True))
    for number, (one, other) in enumerate(zip(found["mask_labels"], expected["mask_labels"], strict=True)):
        assert torch.equal(one, other * real[number] if "do_pad" in settings else other)


def equal(ours: Any, theirs: Any) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one["segments_info"] == other["segments_info"]
        assert torch.equal(one["segmentation"], other["segmentation"])
        assert one["segmentation"].dtype == other["segmentation"].dtype


@pytest.mark.parametrize("seed", range(3))
def test_maps(seed: int) -> None:
    ours, theirs = both(size=EDGES, do_pad=True)
    outputs = predictions(seed)
    for options in (
        {},
        {"threshold": 0.3},
        {"threshold": 2.0},
        {"threshold": 0.2, "size": {"shortest_edge": 24, "longest_edge": 36}},
    ):
        calls = [each.post_process_instance_segmentation(outputs, SIZES, **options) for each in (ours, theirs)]
        equal(*calls)
        for more in ({}, {"stuff_classes": [0, 2]}, {"mask_threshold": 0.3, "overlap_mask_area_threshold": 0.2}):
            equal(*(each.post_process_panoptic_segmentation(outputs, SIZES, **options, **more) for each in (ours, theirs)))
    maps = [each.post_process_semantic_segmentation(outputs, SIZES) for each in (ours, theirs)]
    assert all(torch.equal(*pair) for pair in zip(*maps, strict=True))


def test_maps_of_pieces() -> None:
    ours, theirs = both(**CUT)
    offsets = ours(IMAGES)["patch_offsets"]
    outputs = predictions(0, len(offsets))
    with pytest.raises(InputError, match="target_sizes"):
        ours.post_process_semantic_segmentation(outputs, SIZES)
    outputs.patch_offsets = offsets
    maps = [each.post_process_semantic_segmentation(outputs, SIZES) for each in (ours, theirs)]
    assert all(torch.equal(*pair) for pair in zip(*maps, strict=True))
    scored = [
        each.post_process_semantic_segmentation(outputs, SIZES, return_segmentation_scores=True) for each in (ours, theirs)
    ]
    for one, other in zip(*scored, strict=True):
        torch.testing.assert_close(one["segmentation_scores"], other["segmentation_scores"], atol=1e-6, rtol=0)
    outputs.patch_offsets = offsets[1:]
    with pytest.raises(InputError, match="pieces"):
        ours.post_process_semantic_segmentation(outputs, SIZES)
