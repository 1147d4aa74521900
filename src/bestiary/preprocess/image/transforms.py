"""The steps that make pixels fit a model, as plain functions on arrays (Y, X, C)."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from ...core.errors import ArgumentError, ConfigError, InputError
from ...core.kinds import Range, check
from ...core.optional import require

Edge = Annotated[int, Range(1, 2**20)]
MOST_PIXELS = 2**26
PADDING_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")

EDGES = ("height", "width", "longest_edge", "shortest_edge", "max_height", "max_width", "min_pixels", "max_pixels")
SIZE_KEYS = (
    {"height", "width"},
    {"shortest_edge"},
    {"shortest_edge", "longest_edge"},
    {"longest_edge"},
    {"max_height", "max_width"},
)


class SizeDict(dict[str, int]):
    """Lengths of edges in pixels, by name and as attributes; an edge that is not set is None."""

    def __init__(self, *sizes: Any, **lengths: int | None) -> None:
        super().__init__({edge: length for edge, length in dict(*sizes, **lengths).items() if length is not None})

    def __missing__(self, edge: str) -> None:
        if edge not in EDGES:
            raise KeyError(f"a size has the edges {', '.join(EDGES)}, not {edge!r:.80}")

    def __getattr__(self, edge: str) -> int | None:
        if edge not in EDGES:
            raise AttributeError(f"a size has the edges {', '.join(EDGES)}, not {edge!r:.80}")
        return self[edge]

    def __setattr__(self, edge: str, length: int) -> None:
        self[edge] = length


def read_size(size: Any, square: bool, name: str = "size") -> SizeDict:
    """`size` as files and callers write it (a number, a pair, a dictionary) by edges, those of one of `SIZE_KEYS`.

    Args:
        square: whether one number means height and width, or the shortest edge.

    Raises:
        ConfigError: other keys, a length that is not a positive whole number, or more pixels than an image has.
    """
    if isinstance(size, int):
        size = {"height": size, "width": size} if square else {"shortest_edge": size}
    elif isinstance(size, list | tuple) and len(size) == 2:
        size = {"height": size[0], "width": size[1]}
    lengths = {key: value for key, value in size.items() if value is not None} if isinstance(size, dict) else None
    if lengths is None or set(lengths) not in SIZE_KEYS:
        raise ConfigError(
            f"{name} must be a number, a pair or one of {', '.join(str(sorted(k)) for k in SIZE_KEYS)}, not {size!r:.80}"
        )
    for key, value in lengths.items():
        check(name, key, value, Edge)
    if lengths.get("height", 1) * lengths.get("width", 1) > MOST_PIXELS:
        raise ConfigError(f"{name} is {lengths['height']} x {lengths['width']}: an image has at most {MOST_PIXELS} pixels")
    return SizeDict(lengths)


def exact_size(size: Any, name: str) -> SizeDict:
    """`size` as height and width; `ConfigError` for other edges."""
    exact = read_size(size, True, name)
    if "height" not in exact:
        raise ConfigError(f"{name} must have height and width, not {exact}")
    return exact


def output_size(height: int, width: int, size: dict[str, int]) -> tuple[int, int]:
    """Height and width after resizing an image of (`height`, `width`) to `size`; no edge falls below one pixel.

    `height` and `width` are taken as they are. The other forms keep the proportions: `shortest_edge` (with
    `longest_edge` as its limit), `longest_edge`, or the largest fit into `max_height` and `max_width`.

    Raises:
        InputError: the proportions are such that the result would have more than `MOST_PIXELS`.
    """
    to = _output_size(height, width, size)
    if math.prod(to) > MOST_PIXELS:
        raise InputError(
            f"an image of {height} x {width} pixels would be resized to {to[0]} x {to[1]}; at most {MOST_PIXELS} are made"
        )
    return to


def _output_size(height: int, width: int, size: dict[str, int]) -> tuple[int, int]:
    if "height" in size:
        return size["height"], size["width"]
    if "max_height" in size:
        scale = min(size["max_height"] / height, size["max_width"] / width)
        return max(1, int(height * scale)), max(1, int(width * scale))
    short, long = min(height, width), max(height, width)
    if "shortest_edge" in size:
        target = size["shortest_edge"]
        limit = size.get("longest_edge")
        ends = target, int(target * long / short)
        if limit is not None and long / short * target > limit:
            exact = limit * short / long
            ends = round(exact), int(exact * long / short)  # now and then a pixel less, as published
        if ends[0] == short:
            return height, width  # also where the longer edge is beyond its limit, as published
        ends = max(1, ends[0]), ends[1]
    else:
        ends = max(1, int(size["longest_edge"] * short / long)), size["longest_edge"]
    return ends if height <= width else (ends[1], ends[0])


def resize(image: np.ndarray, height: int, width: int, resample: int, reducing_gap: float | None = None) -> np.ndarray:
    """`image` (Y, X, C) scaled by Pillow in eight bits; whole numbers stay 0..255 (uint8), floats keep their range.

    Raises:
        InputError: values outside 0..255, which eight bits cannot hold.
    """
    pil = require("PIL.Image", "resizing images")
    levels, unit = _eight_bits(image)
    if levels.shape[-1] <= 4:  # Pillow weighs the colours of two and four channels by their alpha
        scaled = _scale(pil, levels.squeeze(-1) if levels.shape[-1] == 1 else levels, (width, height), resample, reducing_gap)
    else:
        planes = [_scale(pil, levels[..., c], (width, height), resample, reducing_gap) for c in range(levels.shape[-1])]
        scaled = np.stack(planes, axis=-1)
    scaled = scaled if scaled.ndim == 3 else scaled[..., None]
    if image.dtype.kind != "f":
        return scaled
    return scaled.astype(np.float32) / np.float32(unit)


def resize_floats(image: np.ndarray, height: int, width: int, resample: int) -> np.ndarray:
    """`image` (Y, X, C) of floats scaled by Pillow in fp32, whatever its range; smoothed first where it becomes smaller."""
    pil = require("PIL.Image", "resizing images")
    planes = [
        _scale(pil, image[..., channel].astype(np.float32), (width, height), resample, None)
        for channel in range(image.shape[-1])
    ]
    return np.stack(planes, axis=-1)


def _scale(pil: Any, levels: np.ndarray, size: tuple[int, int], resample: int, gap: float | None) -> np.ndarray:
    return np.asarray(pil.fromarray(np.ascontiguousarray(levels)).resize(size, resample=resample, reducing_gap=gap))


def _eight_bits(image: np.ndarray) -> tuple[np.ndarray, float]:
    """The image as uint8 and the factor by which a float image was raised to fill it."""
    if image.dtype == np.uint8:
        return image, 1.0
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 255:
        raise InputError(
            f"the image's values reach from {low:g} to {high:g}; resizing works on 0..255 or on floats in 0..1. "
            "Scale them first, or pass do_resize=False"
        )
    if image.dtype.kind != "f":
        return image.astype(np.uint8), 1.0
    if high > 1 or np.allclose(image, np.trunc(image)):
        return np.rint(image).astype(np.uint8), 1.0
    return (image.astype(np.float64) * 255).astype(np.float32).astype(np.uint8), 255.0  # cut off, as published


def center_crop(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle (`height`, `width`) of `image` (Y, X, C); what lies outside the image is black."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    inner = image[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
    if inner.shape[:2] == (height, width):
        return inner
    # An odd remainder goes below and to the right when cutting, and above and to the left when filling up.
    above, before = max(0, math.ceil(-(image.shape[0] - height) / 2)), max(0, math.ceil(-(image.shape[1] - width) / 2))
    return pad(inner, height, width, above, before)


def pad(image: np.ndarray, height: int, width: int, top: int = 0, left: int = 0, value: float = 0) -> np.ndarray:
    """`image` (Y, X, C) at row `top` and column `left` of a canvas (`height`, `width`) filled with `value`.

    Raises:
        InputError: the canvas is smaller than the image.
    """
    if height < image.shape[0] or width < image.shape[1]:
        raise InputError(f"an image of {image.shape[0]} x {image.shape[1]} pixels cannot be padded to {height} x {width}")
    canvas = np.full((height, width, image.shape[2]), value, dtype=image.dtype)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


def pad_to(image: np.ndarray, size: dict[str, int], value: float, mode: str) -> np.ndarray:
    """`image` (Y, X, C) with rows below and columns to the right up to `size`: of `value`, or by a mode of `numpy.pad`."""
    if mode == "constant" or (image.shape[0] > size["height"] or image.shape[1] > size["width"]):
        return pad(image, size["height"], size["width"], value=value)
    if mode not in PADDING_MODES:
        raise ArgumentError(f"padding_mode must be one of {', '.join(PADDING_MODES)}, not {mode!r:.80}")
    ends = [(0, size["height"] - image.shape[0]), (0, size["width"] - image.shape[1]), (0, 0)]
    padded: np.ndarray = np.pad(image, ends, mode=mode)  # type: ignore[call-overload]
    return padded


def rescale(image: np.ndarray, scale: float) -> np.ndarray:
    """`image * scale`, each product rounded once to fp32."""
    if image.dtype == np.uint8:  # 256 products and a look-up are exact and faster than a product per pixel
        products: np.ndarray = (np.arange(256) * scale).astype(np.float32)[image]
    else:
        products = np.multiply(image, scale, dtype=np.float64).astype(np.float32)
    return products


def normalize(image: np.ndarray, mean: float | Sequence[float], std: float | Sequence[float]) -> np.ndarray:
    """`(image - mean) / std` in fp32, per channel (the last axis).

    Raises:
        InputError: the image has another number of channels than `mean` or `std`.
    """
    channels = image.shape[-1]
    for name, values in (("image_mean", mean), ("image_std", std)):
        if np.ndim(values) and np.size(values) != channels:
            hint = " Pass do_convert_rgb=True to make three of them." if channels in (1, 2, 4) and np.size(values) == 3 else ""
            raise InputError(f"the image has {channels} channels and {name} has {np.size(values)} values.{hint}")
    shifted = np.subtract(image, np.asarray(mean, np.float32), dtype=np.float32)
    scaled: np.ndarray = np.divide(shifted, np.asarray(std, np.float32), out=shifted)
    return scaled


def flip_channels(image: np.ndarray) -> np.ndarray:
    """RGB to BGR and back; an alpha channel stays last."""
    if image.shape[-1] == 4:
        return image[..., [2, 1, 0, 3]]
    return image[..., ::-1]


def resize_map(classes: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map (Y, X) of another size, by the nearest pixel."""
    pil = require("PIL.Image", "resizing maps")
    image = pil.fromarray(np.ascontiguousarray(classes, dtype=np.int32))
    return np.asarray(image.resize((width, height), pil.Resampling.NEAREST))
