"""Answers about pictures, drawn on them: labels, boxes, masks with a legend, depth as colours, points that match.

Every function takes Pillow images and what the pipeline of its task gives, and returns a new Pillow image in RGB.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.optional import require
from .palette import colour, heights, ink_on

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_MOST_MATCHES = 500


def draw_labels(image: Any, labels: Sequence[Mapping[str, Any]]) -> Any:
    """The picture above its labels with scores (`image-classification`), each with a bar as long as its score.

    Args:
        labels: `[{"label", "score"}, ...]`.
    """
    return _above_list(_rgb(image), [(each["label"], float(each["score"]), colour(4)) for each in labels])


def draw_boxes(image: Any, objects: Sequence[Mapping[str, Any]]) -> Any:
    """A box around each object, its label and score on it (`object-detection`, `zero-shot-object-detection`).

    Objects of one label have one colour.

    Args:
        objects: `[{"score", "label", "box": {"xmin", "ymin", "xmax", "ymax"}}, ...]`, in pixels of the picture.
    """
    result = _rgb(image)
    pen, width, font = _pen(result), _line_width(result), _font(result)
    numbers = _numbers(each["label"] for each in objects)
    for each in objects:
        corners = [each["box"][side] for side in ("xmin", "ymin", "xmax", "ymax")]
        left, top, right, bottom = corners
        tone = colour(numbers[each["label"]])
        pen.rectangle((min(left, right), min(top, bottom), max(left, right), max(top, bottom)), outline=tone, width=width)
        words = f"{each['label']} {each['score']:.2f}"
        _tag(pen, words, (min(left, right), min(top, bottom)), tone, font, result.size)
    return result


def draw_masks(image: Any, segments: Sequence[Mapping[str, Any]], strength: float = 0.55) -> Any:
    """Each mask as a veil of a colour of its own, and a legend below (`image-segmentation`, `mask-generation`).

    Args:
        segments: `[{"label", "score", "mask"}, ...]`; a mask is an image or an array (Y, X), other than 0 where the segment
            is. Label and score may be None or missing. strength: of the veils, 0 to 1.

    Raises:
        InputError: a mask of another size than the picture; a strength outside of 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"strength is {strength}; expected 0 (nothing is seen) to 1 (the picture is hidden)")
    result = _rgb(image)
    pixels = np.asarray(result).astype(np.float32)
    legend = []
    for number, segment in enumerate(segments):
        mask = np.asarray(segment["mask"]) != 0
        if mask.shape != pixels.shape[:2]:
            raise InputError(f"mask {number} has the shape {mask.shape}; expected that of the picture, {pixels.shape[:2]}")
        tone = colour(number)
        pixels[mask] += strength * (np.array(tone, np.float32) - pixels[mask])
        edge = mask & ~_inner(mask)
        pixels[edge] = tone
        score = segment.get("score")
        name = segment.get("label")
        legend.append((str(number) if name is None else str(name), None if score is None else float(score), tone))
    veiled = require("PIL.Image", "drawing pictures").fromarray(np.rint(pixels).astype(np.uint8))
    return _above_list(veiled, legend)


def draw_depth(depth: Any) -> Any:
    """A map of depth (`depth-estimation`) as colours, dark for the smallest number and bright for the largest.

    Args:
        depth: an image, an array or a tensor (Y, X). Where it is not finite the picture is black.

    Raises:
        InputError: no finite number, or not two dimensions.
    """
    values = np.asarray(depth.detach().cpu() if hasattr(depth, "detach") else depth, dtype=np.float64)
    finite = np.isfinite(values)
    if values.ndim != 2 or not finite.any():
        raise InputError(f"a map of depth has two dimensions and finite numbers; found the shape {values.shape}")
    low, high = float(values[finite].min()), float(values[finite].max())
    places = (np.where(finite, values, low) - low) / (high - low or 1.0)
    pixels = np.where(finite[..., None], heights(places), np.uint8(0))
    picture = require("PIL.Image", "drawing pictures").fromarray(pixels)
    ends = {low: 0.0, high: 1.0}
    return _above_list(picture, [(f"{value:.4g}", None, _height(place)) for value, place in ends.items()])


def draw_matches(first: Any, second: Any, matches: Sequence[Mapping[str, Any]]) -> Any:
    """Two pictures side by side, a line between each two points that match (`keypoint-matching`), the best 500 of them.

    Args:
        matches: `[{"keypoint_image_0": {"x", "y"}, "keypoint_image_1": {"x", "y"}, "score"}, ...]`, in pixels.
    """
    left, right = _rgb(first), _rgb(second)
    result = require("PIL.Image", "drawing pictures").new(
        "RGB", (left.width + right.width, max(left.height, right.height)), _BLACK
    )
    result.paste(left, (0, 0))
    result.paste(right, (left.width, 0))
    pen, width = _pen(result), max(1, _line_width(result) // 2)
    best = sorted(matches, key=lambda match: -match["score"])[:_MOST_MATCHES]
    for match in reversed(best):
        begin = match["keypoint_image_0"]["x"], match["keypoint_image_0"]["y"]
        end = match["keypoint_image_1"]["x"] + left.width, match["keypoint_image_1"]["y"]
        tone = _height(match["score"])
        pen.line((*begin, *end), fill=tone, width=width)
        for x, y in (begin, end):
            pen.ellipse((x - 2 * width, y - 2 * width, x + 2 * width, y + 2 * width), outline=tone, width=width)
    return result


def _rgb(image: Any) -> Any:
    """A copy in RGB, what is transparent laid on white."""
    pil = require("PIL.Image", "drawing pictures")
    if not isinstance(image, pil.Image):
        raise InputError(f"expected a Pillow image, found {type(image).__name__}; bestiary.image_utils.load_image opens a file")
    if 0 in image.size:
        raise InputError(f"a picture of {image.width} x {image.height} pixels has nothing to draw on")
    if image.has_transparency_data:
        image = pil.alpha_composite(pil.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _pen(image: Any) -> Any:
    return require("PIL.ImageDraw", "drawing pictures").Draw(image)


def _line_width(image: Any) -> int:
    return max(1, int(min(image.size) / 200))


def _font(image: Any) -> Any:
    return require("PIL.ImageFont", "drawing pictures").load_default(max(10, min(28, round(min(image.size) / 25))))


def _height(value: float) -> tuple[int, int, int]:
    red, green, blue = heights(np.array(value)).tolist()
    return red, green, blue


def _numbers(labels: Iterable[str]) -> dict[str, int]:
    """label -> its place among the different ones."""
    return {label: number for number, label in enumerate(dict.fromkeys(labels))}


def _tag(
    pen: Any, words: str, corner: tuple[float, float], tone: tuple[int, int, int], font: Any, size: tuple[int, int]
) -> None:
    """Words on a ground of `tone`, above the corner where there is room, moved into the picture where there is none."""
    left, top, right, bottom = pen.textbbox((0, 0), words, font=font)
    width, height = right - left + 6, bottom - top + 6
    x = max(0, min(corner[0], size[0] - width))
    y = max(0, min(corner[1] - height if corner[1] >= height else corner[1], size[1] - height))
    pen.rectangle((x, y, x + width, y + height), fill=tone)
    pen.text((x + 3 - left, y + 3 - top), words, fill=ink_on(tone), font=font)


def _above_list(image: Any, entries: Sequence[tuple[str, float | None, tuple[int, int, int]]]) -> Any:
    """The picture above a list of names, each with its colour, and its score as a number and a bar where it has one."""
    font = _font(image)
    pen = _pen(image)
    lines = [f"{name} {score:.2f}" if score is not None else name for name, score, _ in entries]
    boxes = [pen.textbbox((0, 0), line, font=font) for line in lines]
    height = max((box[3] for box in boxes), default=0) + 8
    width = max(image.width, max((box[2] for box in boxes), default=0) + 2 * height)
    result = require("PIL.Image", "drawing pictures").new("RGB", (int(width), int(image.height + height * len(lines))), _WHITE)
    result.paste(image, (0, 0))
    pen = _pen(result)
    for place, (line, (_, score, tone)) in enumerate(zip(lines, entries, strict=True)):
        top = image.height + place * height
        if score is not None:
            pale = tuple(255 - (255 - channel) // 4 for channel in tone)
            pen.rectangle((height, top + 2, height + max(0.0, min(1.0, score)) * (width - height), top + height - 2), fill=pale)
        pen.rectangle((4, top + 4, height - 4, top + height - 4), fill=tone)
        pen.text((height + 4, top + 3), line, fill=_BLACK, font=font)
    return result


def _inner(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask whose four neighbours are in it too."""
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return inner
