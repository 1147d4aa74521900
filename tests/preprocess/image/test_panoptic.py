"""Panoptic annotations follow their images, against the published image processors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil
from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

from bestiary import DetrImageProcessor, YolosImageProcessor
from bestiary.core.errors import ArgumentError, BestiaryError, FileMissing, InputError

SHAPES = [(60, 80), (50, 40)]
KINDS = {"detr": (DetrImageProcessor, DetrImageProcessorPil), "yolos": (YolosImageProcessor, YolosImageProcessorPil)}


def segment(number: int, category: int, crowd: int = 0) -> dict[str, Any]:
    return {"id": number, "category_id": category, "iscrowd": crowd, "area": number * 3, "bbox": [1, 1, 2, 2]}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], list[dict[str, Any]]]:
    """A folder with the PNGs of two images, the images, and their annotations."""
    folder, images, annotations = tmp_path_factory.mktemp("panoptic"), [], []
    random = np.random.default_rng(0)
    for index, (height, width) in enumerate(SHAPES):
        numbers = np.zeros((height, width), int)
        numbers[10:30, 10:33], numbers[30:50, 5:20], numbers[2, 3] = 7, 70_000 + index, 300
        colours = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1).astype(np.uint8)
        Image.fromarray(colours).save(folder / f"{index}.png")
        images.append(Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)))
        segments = [segment(7, 2), segment(70_000 + index, 1, 1), segment(300, 4)]
        annotations.append({"image_id": index, "file_name": f"{index}.png", "segments_info": segments})
    return folder, images, annotations


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_convert_annotations": False},
        {"do_pad": False, "return_tensors": None},
        {"pad_size": {"height": 64, "width": 70}},
        {"size": {"height": 30, "width": 41}},
        {"size": {"shortest_edge": 100, "longest_edge": 200}},
    ],
    ids=str,
)
def test_labels(kinds: str, options: dict[str, Any], drawn: Any) -> None:
    folder, images, annotations = drawn
    call = {"return_tensors": "pt", "format": "coco_panoptic", "masks_path": folder, **options}
    ours, theirs = (kind(size={"shortest_edge": 32, "longest_edge": 50}) for kind in KINDS[kinds])
    found, expected = (each(images, annotations=annotations, **call)["labels"] for each in (ours, theirs))
    for mine, other in zip(found, expected, strict=True):
        for name, value in other.items():
            if name != "size":
                np.testing.assert_allclose(np.asarray(mine[name]), np.asarray(value), rtol=1e-5, atol=1e-6, err_msg=name)
                assert mine[name].dtype == value.dtype
    assert (found[0]["masks"].any((1, 2)) if isinstance(found[0]["masks"], torch.Tensor) else np.ones(1)).any()


def test_masks_become_a_loss(drawn: Any) -> None:
    """The labels are what a model that draws masks is trained with."""
    from kit import checkpoints

    from bestiary import DetrForSegmentation

    folder, images, annotations = drawn
    processor = DetrImageProcessor(size={"shortest_edge": 32, "longest_edge": 48}, format="coco_panoptic")
    batch = processor(images, annotations=annotations, masks_path=folder, return_tensors="pt")
    output = DetrForSegmentation.from_pretrained(checkpoints.detr_with_masks())(**batch)
    assert output.loss.isfinite()
    assert {"loss_mask", "loss_dice"} <= set(output.loss_dict)


def test_a_segment_without_pixels_is_left_out(drawn: Any) -> None:
    folder, images, annotations = drawn
    one = {**annotations[0], "segments_info": [segment(9, 5), segment(7, 2)]}
    label = DetrImageProcessor(format="coco_panoptic").prepare_annotation(images[0], one, masks_path=folder)
    assert label["class_labels"].tolist() == [2]
    assert label["boxes"].tolist() == [[10, 10, 32, 29]]
    none = DetrImageProcessor(format="coco_panoptic", do_resize=False)
    batch = none(images[0], annotations={**one, "segments_info": []}, masks_path=folder)
    assert batch["labels"][0]["masks"].shape == (0, 60, 80)


@pytest.mark.parametrize(
    ("changes", "options", "error", "message"),
    [
        ({"file_name": "1.png"}, {}, InputError, "has 50 x 40 pixels, the image 60 x 80"),
        ({"file_name": "2.png"}, {}, FileMissing, "there is no .*2.png"),
        ({"file_name": "../0.png"}, {}, InputError, "outside of"),
        ({"file_name": "/etc/hostname"}, {}, InputError, "outside of"),
        ({}, {"masks_path": None}, ArgumentError, "masks_path= is the folder"),
        ({"segments_info": [{"id": 7}]}, {}, InputError, "it lacks category_id, area"),
        ({"segments_info": [7]}, {}, InputError, "a segment of image 0 is 7"),
        ({"segments_info": 7}, {}, InputError, "a panoptic annotation is a dictionary"),
    ],
)
def test_what_is_no_annotation(
    changes: dict[str, Any], options: dict[str, Any], error: type[BestiaryError], message: str, drawn: Any
) -> None:
    folder, images, annotations = drawn
    with pytest.raises(error, match=message):
        DetrImageProcessor(format="coco_panoptic")(
            images[0], annotations={**annotations[0], **changes}, **{"masks_path": folder, **options}
        )
