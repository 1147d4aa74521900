"""Points, labels and boxes as people write them: nested lists, arrays or tensors, brought to one shape."""

import math
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.logging import warn_once

PADDING = -10
LABELS = (1, 0, -1, PADDING)
Sizes = list[tuple[int, int]]  # height and width of each image


def listed(value: Any) -> Any:
    """Arrays and tensors in (lists of) these as lists."""
    if isinstance(value, list | tuple):
        return [listed(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value


def depth(value: Any) -> int:
    """How deep lists are nested, along their first entries."""
    levels = 0
    while isinstance(value, list) and value:
        levels, value = levels + 1, value[0]
    return levels


def by_image(value: Any, name: str, images: int, full: int, what: str, uneven: bool = False) -> list[list[Any]]:
    """A list for each image with one entry for each mask.

    Args:
        full: how deep it is nested with an image, a mask and all below; without a mask there is one, and without an image too
            where `images` is 1. what: the full form, for messages. uneven: whether images may have several numbers of masks.

    Raises:
        InputError: what was found instead.
    """
    nested: list[list[Any]] = listed(value)
    levels = depth(nested)
    if levels == full - 1:
        nested = [[each] for each in nested]
    elif levels == full - 2 and images == 1:
        nested = [[nested]]
    elif levels != full:
        raise InputError(f"{name} are {value!r:.80}; expected {what}")
    if len(nested) != images:
        raise InputError(f"{name} are for {len(nested)} images, and {images} were given; expected {what}")
    counts = sorted({len(each) for each in nested if isinstance(each, list)})
    if not counts or (len(counts) > 1 and not uneven):
        raise InputError(f"{name} ask for {counts} masks of the images; expected as many of each, or call it image by image")
    return nested


def numbers(rows: Any, name: str, width: int) -> np.ndarray:
    """Rows of `width` finite numbers (N, width); `InputError` for anything else."""
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or array.shape[1] != width:
        raise InputError(f"{name} hold {rows!r:.80}; expected rows of {width} numbers")
    if not np.isfinite(array).all():
        raise InputError(f"{name} hold {rows!r:.80}; expected finite numbers")
    return array


def padded(rows: list[list[np.ndarray]], value: int = PADDING) -> np.ndarray:
    """Arrays (N, ...) by image and mask as one (B, P, N, ...), with `value` behind the shorter ones, and for masks that an
    image does not have."""
    longest, most = max(len(each) for row in rows for each in row), max(map(len, rows))

    def fill(each: np.ndarray) -> np.ndarray:
        missing = np.full((longest - len(each), *each.shape[1:]), value, dtype=each.dtype)
        return np.concatenate((each, missing))

    return np.array([[fill(each) for each in (*row, *[row[0][:0]] * (most - len(row)))] for row in rows])


def check_inside(places: np.ndarray, size: tuple[int, int], name: str) -> None:
    """Warn once of places (N, 2), across and down, outside of an image of this height and width."""
    outside = (places < 0).any(-1) | (places > (size[1], size[0])).any(-1)
    if outside.any():
        warn_once(
            f"prompt-outside-{name}",
            f"{name} hold {places[outside][0].tolist()}, outside of an image {size[1]} pixels wide and {size[0]} high; a prompt"
            " is (across, down) in the pixels of the image as it was passed, and one outside of it means little to the model",
        )


def scaled(places: np.ndarray, size: tuple[int, int], resized: tuple[int, int]) -> np.ndarray:
    """Places (..., 2) of an image once it is resized; sizes are heights and widths."""
    return np.stack([places[..., 0] * (resized[1] / size[1]), places[..., 1] * (resized[0] / size[0])], axis=-1)


def read_points(points: Any, sizes: Sizes, resized: Sizes, uneven: bool = False) -> list[list[np.ndarray]]:
    """Points (N, 2) by image and mask, in the pixels of the resized images."""
    what = "[image][mask][point][across, down]" + ("" if uneven else ", with as many masks for each image")
    rows = by_image(points, "input_points", len(sizes), 4, what, uneven)
    read = []
    for row, size, to in zip(rows, sizes, resized, strict=True):
        arrays = [numbers(each, "input_points", 2) for each in row]
        for each in arrays:
            check_inside(each, size, "input_points")
        read.append([scaled(each, size, to) for each in arrays])
    return read


def read_labels(labels: Any, points: list[list[np.ndarray]], uneven: bool = False) -> list[list[np.ndarray]]:
    """Labels (N,) of points, by image and mask.

    Raises:
        InputError: not one for each point; a label that means nothing.
    """
    rows = by_image(labels, "input_labels", len(points), 3, "[image][mask][label of a point]", uneven)
    for row, places in zip(rows, points, strict=True):
        if len(row) != len(places):
            raise InputError(f"input_labels are for {len(row)} masks of an image, input_points for {len(places)}")
    read = []
    for row, places in zip(rows, points, strict=True):
        arrays = [np.asarray(each) for each in row]
        for each, those in zip(arrays, places, strict=True):
            if each.shape != (len(those),):
                raise InputError(
                    f"input_labels hold {each.tolist()!r:.80} for a mask of {len(those)} points; expected one each"
                )
            if not np.isin(each, LABELS).all():
                raise InputError(
                    f"input_labels hold {each.tolist()!r:.80}; expected 1 (a point of the object), 0 (one outside of it),"
                    f" -1 (no point) or {PADDING} (padding)"
                )
        read.append([each.astype(np.int64) for each in arrays])
    return read


def read_boxes(boxes: Any, sizes: Sizes, resized: Sizes) -> np.ndarray:
    """Boxes (B, P, 4) in the pixels of the resized images."""
    rows = by_image(boxes, "input_boxes", len(sizes), 3, "[image][mask][left, top, right, bottom]")
    read = []
    for row, size, to in zip(rows, sizes, resized, strict=True):
        array = numbers(row, "input_boxes", 4)
        corners = array.reshape(-1, 2, 2)
        check_inside(corners.reshape(-1, 2), size, "input_boxes")
        if (corners[:, 1] < corners[:, 0]).any():
            warn_once(
                "box-reversed",
                f"input_boxes hold {array[(corners[:, 1] < corners[:, 0]).any(-1)][0].tolist()}, whose right or lower edge"
                " comes first; expected left, top, right and bottom",
            )
        read.append(scaled(corners, size, to).reshape(-1, 4))
    return np.array(read)


def sizes_given(original_sizes: Any) -> Sizes:
    """Heights and widths of images as whole numbers."""
    return [(math.floor(height), math.floor(width)) for height, width in listed(original_sizes)]
