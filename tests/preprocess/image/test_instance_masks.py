"""Masks of instances, drawn for training and made of predictions, against the published image processors of that kind."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import bestiary
from bestiary.core.errors import ArgumentError, InputError

KINDS = [name for name in ("MaskFormerImageProcessor", "Mask2FormerImageProcessor") if hasattr(bestiary, name)]
SIZES: tuple[Any, ...] = (None, [(20, 30), (12, 9)], torch.tensor([(8, 8), (40, 7)]))


def both(kind: str, **settings: Any) -> tuple[Any, Any]:
    return getattr(bestiary, kind)(**settings), getattr(transformers, f"{kind}Pil")(**settings)


def predictions(seed: int, queries: int = 12) -> Any:
    """Predictions for two images: blobs that overlap, of four classes and nothing."""
    random = torch.Generator().manual_seed(seed)
    centers = torch.rand(2, queries, 2, generator=random)
    places = torch.stack(torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 14), indexing="ij"), -1)
    distances = (places[None, None] - centers[:, :, None, None]).norm(dim=-1)
    logits = torch.randn(2, queries, 5, generator=random) * 4
    masks = 4 - distances * 14 + torch.rand(2, queries, 1, 1, generator=random)
    return SimpleNamespace(class_queries_logits=logits, masks_queries_logits=masks)


def equal(ours: Any, theirs: Any) -> None:
    assert ours["segments_info"] == theirs["segments_info"]
    if isinstance(theirs["segmentation"], list):
        assert [list(map(int, row)) for row in ours["segmentation"]] == [list(map(int, row)) for row in theirs["segmentation"]]
    else:
        assert torch.equal(ours["segmentation"], theirs["segmentation"])
        assert ours["segmentation"].dtype == theirs["segmentation"].dtype


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("options", [{}, {"threshold": 0.1}, {"threshold": 2.0}, {"mask_threshold": 0.3}])
def test_maps_of_instances(kind: str, sizes: Any, options: dict[str, Any]) -> None:
    ours, theirs = both(kind)
    forms: tuple[dict[str, Any], ...] = ({}, {"return_binary_maps": True}, {"return_coco_annotation": True})
    for seed in range(3):
        for form in forms:
            call = {"outputs": predictions(seed), **options, **form}
            listed = sizes.tolist() if isinstance(sizes, torch.Tensor) else sizes
            found = ours.post_process_instance_segmentation(target_sizes=sizes, **call)
            for one, other in zip(found, theirs.post_process_instance_segmentation(target_sizes=listed, **call), strict=True):
                equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SIZES[:2])
def test_maps_of_segments_and_of_classes(kind: str, sizes: Any) -> None:
    ours, theirs = both(kind)
    for seed in range(3):
        for options in ({}, {"threshold": 0.1, "overlap_mask_area_threshold": 0.2}, {"threshold": 2.0}):
            call = {"outputs": predictions(seed), "target_sizes": sizes, **options}
            pairs = zip(
                ours.post_process_panoptic_segmentation(**call),
                theirs.post_process_panoptic_segmentation(label_ids_to_fuse=set(), **call),
                strict=True,
            )
            for one, other in pairs:
                equal(one, other)
        call = {"outputs": predictions(seed), "target_sizes": sizes}
        maps = ours.post_process_semantic_segmentation(**call), theirs.post_process_semantic_segmentation(**call)
        assert all(torch.equal(one, other) for one, other in zip(*maps, strict=True))


def test_gradients_do_not_matter_and_two_forms_are_refused() -> None:
    ours = getattr(bestiary, KINDS[0])()
    outputs = predictions(0)
    outputs.masks_queries_logits.requires_grad_(True)
    for name in ("semantic", "panoptic", "instance"):
        assert len(getattr(ours, f"post_process_{name}_segmentation")(outputs)) == 2
    with pytest.raises(ArgumentError, match="two forms of one map"):
        ours.post_process_instance_segmentation(outputs, return_coco_annotation=True, return_binary_maps=True)


RANDOM = np.random.default_rng(0)
IMAGES = [Image.fromarray(RANDOM.integers(0, 255, (*size, 3), dtype=np.uint8)) for size in ((40, 50), (60, 45))]
MAPS = [RANDOM.integers(0, high, size).astype(np.uint8) for high, size in ((4, (40, 50)), (3, (60, 45)))]
CLASSES = {0: 9, 1: 7, 2: 5, 3: 5, 4: 11}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [{"ignore_index": 255}, {"ignore_index": 0}, {"do_reduce_labels": True, "ignore_index": 255}, {"size_divisor": 0}],
)
@pytest.mark.parametrize("classes", [None, CLASSES, [CLASSES, {0: 1, 1: 2, 2: 3, 3: 4}]])
def test_labels(kind: str, settings: dict[str, Any], classes: Any) -> None:
    """Padding belongs to no mask; in the published one it holds the number that is to be ignored."""
    for resized in (True, False):
        if not resized and "ignore_index" not in settings:
            continue  # the published one cannot pad then
        ours, theirs = both(kind, size={"height": 64, "width": 32}, do_resize=resized, **settings)
        call = {"segmentation_maps": MAPS, "instance_id_to_semantic_id": classes, "return_tensors": "pt"}
        found, expected = ours(IMAGES, **call), theirs(IMAGES, **call)
        assert found.keys() == expected.keys()
        for name in ("pixel_values", "pixel_mask"):
            torch.testing.assert_close(found[name], expected[name], atol=1e-5, rtol=0)
        for name, padded in (("class_labels", False), ("mask_labels", True)):
            for one, other, real in zip(found[name], expected[name], expected["pixel_mask"], strict=True):
                assert torch.equal(one, other * real if padded else other)
                assert one.dtype == other.dtype


def test_labels_that_do_not_fit() -> None:
    ours = getattr(bestiary, KINDS[0])(size={"height": 32, "width": 32})
    with pytest.raises(InputError, match="found 1 for 2 images"):
        ours(IMAGES, MAPS[0])
    with pytest.raises(InputError, match="expected the same"):
        ours(IMAGES, MAPS[::-1])
    with pytest.raises(InputError, match="no class for"):
        ours(IMAGES, MAPS, {0: 1})
    with pytest.raises(ArgumentError, match="ignore_index"):
        ours(IMAGES, MAPS, do_reduce_labels=True)
    with pytest.raises(InputError, match="a list of one for each image"):
        ours(IMAGES, MAPS, [{0: 1}])
    nothing = ours(IMAGES[0], np.full((40, 50), 255, np.uint8), ignore_index=255, return_tensors="pt")
    assert nothing["mask_labels"][0].shape == (0, 32, 32)
    assert nothing["class_labels"][0].shape == (0,)


def test_settings_of_older_files() -> None:
    older = getattr(bestiary, KINDS[0])(size=33, max_size=70, size_divisibility=16, reduce_labels=True, ignore_index=255)
    assert (older.size, older.size_divisor, older.do_reduce_labels) == ({"shortest_edge": 33, "longest_edge": 70}, 16, True)
