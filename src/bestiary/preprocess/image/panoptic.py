"""Panoptic annotations of COCO (Kirillov et al. 2019): segments that cover an image, drawn in a PNG as colours."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, FileMissing, InputError
from .reading import to_array


def segments_of(annotation: Any, masks_path: Any, size: tuple[int, int]) -> dict[str, Any]:
    """What a panoptic annotation says of an image of this height and width; boxes are corners in its pixels.

    `masks` (M, Y, X) are True where a segment is. A segment of which the PNG has no pixel is left out.

    Args:
        annotation: `image_id`, `file_name` of the PNG, and `segments_info`, of each segment `id` (the sum of red, 256 times
            green and 65536 times blue in the PNG), `category_id`, `area` and `iscrowd`.
        masks_path: the folder of the PNGs.

    Raises:
        InputError: an annotation that is not so, a PNG of another size or outside of the folder. FileMissing: there is none.
        ArgumentError: no folder.
    """
    named = isinstance(annotation, Mapping) and {"image_id", "file_name", "segments_info"} <= annotation.keys()
    if not named or not isinstance(annotation["segments_info"], list | tuple):
        content = ", ".join(map(str, annotation)) if isinstance(annotation, Mapping) else repr(annotation)[:60]
        hint = "; with boxes alone pass format='coco_detection'" if "annotations" in content else ""
        raise InputError(
            f"a panoptic annotation is a dictionary with image_id, file_name and segments_info (a list); found {content}{hint}"
        )
    which = f"image {annotation['image_id']!r:.40}"
    segments = [_segment(each, which) for each in annotation["segments_info"]]
    numbers = _numbers(annotation["file_name"], masks_path, size, which)
    masks = np.stack([numbers == each["id"] for each in segments]) if segments else np.zeros((0, *size), bool)
    visible = np.asarray(masks.any(axis=(1, 2)))
    shown = [each for each, is_visible in zip(segments, visible, strict=True) if is_visible]
    return {
        "image_id": np.asarray([annotation["image_id"]], np.int64),
        "masks": masks[visible],
        "boxes": mask_boxes(masks[visible]),
        "class_labels": np.asarray([each["category_id"] for each in shown], np.int64),
        "iscrowd": np.asarray([each.get("iscrowd", 0) for each in shown], np.int64),
        "area": np.asarray([each["area"] for each in shown], np.float32),
        "orig_size": np.asarray(size, np.int64),
    }


def mask_boxes(masks: np.ndarray) -> np.ndarray:
    """The corners (M, 4) of masks (M, Y, X) that have pixels: their first and last columns and rows."""
    columns, rows = np.asarray(masks.any(1)), np.asarray(masks.any(2))
    firsts = columns.argmax(1), rows.argmax(1)
    lasts = masks.shape[2] - 1 - columns[:, ::-1].argmax(1), masks.shape[1] - 1 - rows[:, ::-1].argmax(1)
    return np.stack([*firsts, *lasts], axis=1).astype(np.float32)


def _segment(value: Any, which: str) -> Mapping[str, Any]:
    missing = [name for name in ("id", "category_id", "area") if not isinstance(value, Mapping) or name not in value]
    if missing:
        raise InputError(f"a segment of {which} is {value!r:.80}; it lacks {', '.join(missing)}")
    return dict(value)


def _numbers(name: Any, masks_path: Any, size: tuple[int, int], which: str) -> np.ndarray:
    """The number of the segment at each place (Y, X)."""
    if not isinstance(masks_path, str | os.PathLike):
        raise ArgumentError(f"panoptic annotations name PNGs; masks_path= is the folder they are in, not {masks_path!r:.60}")
    folder, file = Path(masks_path).resolve(), (Path(masks_path) / str(name)).resolve()
    if not file.is_relative_to(folder):
        raise InputError(f"file_name of {which} is {str(name)!r:.80}, which is outside of {folder}")
    if not file.is_file():
        raise FileMissing(f"there is no {file}, the PNG of {which}")
    colours = to_array(file, True, None).astype(np.int64)
    if colours.shape[:2] != size:
        raise InputError(
            f"the PNG of {which} has {colours.shape[0]} x {colours.shape[1]} pixels, the image {size[0]} x {size[1]};"
            " expected the same"
        )
    numbers: np.ndarray = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
    return numbers
