"""The steps of image processors as published functions (`transformers.image_transforms`), over those of `preprocess.image`.

Images are arrays (C, Y, X) or (Y, X, C): `input_data_format` says which, None infers it; `data_format` is that of the result,
None the one that came in.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, InputError
from ..core.explicit_enum import ExplicitEnum
from ..core.optional import require
from ..nn.boxes import center_to_corners, corners_to_center
from ..preprocess.batch import is_torch
from ..preprocess.image import transforms
from ..preprocess.image.reading import ChannelDimension, is_pil, to_array
from .image_groups import group_images_by_shape as group_images_by_shape
from .image_groups import reorder_images as reorder_images
from .images import get_image_size, infer_channel_dimension_format, to_numpy_array

Format = ChannelDimension | str | None


class PaddingMode(ExplicitEnum):
    """What lies beyond the edge: a constant, the image mirrored without or with its edge, or the edge repeated."""

    CONSTANT = "constant"
    REFLECT = "reflect"
    REPLICATE = "replicate"
    SYMMETRIC = "symmetric"


def to_channel_dimension_format(image: Any, channel_dim: ChannelDimension | str, input_channel_dim: Format = None) -> Any:
    """An image, or a batch of images, array or tensor, with its channels first or last."""
    place = infer_channel_dimension_format(image) if input_channel_dim is None else ChannelDimension(input_channel_dim)
    if place is ChannelDimension(channel_dim):
        return image
    move: Callable[..., Any] = image.movedim if is_torch(image) else lambda start, end: np.moveaxis(image, start, end)
    return move(-1, -3) if place is ChannelDimension.LAST else move(-3, -1)


def _checked(image: Any) -> np.ndarray:
    if not isinstance(image, np.ndarray):
        raise ArgumentError(f"expected an array of numpy, found {type(image).__name__}; to_numpy_array makes one")
    return image


def _height_and_width(size: Any) -> tuple[int, int]:
    """Both numbers of `size`.

    Raises:
        ArgumentError: these are not two whole numbers from 0.
    """
    numbers = tuple(size) if isinstance(size, list | tuple | np.ndarray) else ()
    if len(numbers) != 2 or not all(isinstance(each, int | np.integer) and each >= 0 for each in numbers):
        raise ArgumentError(f"size is {size!r:.80}; expected (height, width) in pixels, two whole numbers from 0")
    return int(numbers[0]), int(numbers[1])


def _is_numbers(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "bif"


def _by_pixels(image: np.ndarray, step: Callable[[np.ndarray], np.ndarray], data_format: Format, came: Format) -> np.ndarray:
    """`step` of an image (Y, X, C), whatever its order was."""
    place = infer_channel_dimension_format(image) if came is None else ChannelDimension(came)
    pixels = step(to_channel_dimension_format(image, ChannelDimension.LAST, place))
    return _moved(pixels, data_format or place, ChannelDimension.LAST)


def _moved(image: np.ndarray, data_format: ChannelDimension | str, came: Format) -> np.ndarray:
    result: np.ndarray = to_channel_dimension_format(image, data_format, came)
    return result


def rescale(
    image: np.ndarray,
    scale: float,
    data_format: Format = None,
    dtype: Any = np.float32,
    input_data_format: Format = None,
) -> np.ndarray:
    """`image * scale` as numbers of `dtype`."""
    if not _is_numbers(scale):
        raise ArgumentError(f"scale is {scale!r:.80}; expected a number, such as 1 / 255")
    scaled = (_checked(image).astype(np.float64) * scale).astype(dtype)
    result: np.ndarray = scaled
    return result if data_format is None else _moved(result, data_format, input_data_format)


def normalize(
    image: np.ndarray, mean: Any, std: Any, data_format: Format = None, input_data_format: Format = None
) -> np.ndarray:
    """`(image - mean) / std`, for each channel, in the image's own floats, or in fp32 for whole numbers.

    Raises:
        InputError: as many means or deviations as there are not channels.
    """
    image = _checked(image)
    image = image if image.dtype.kind == "f" else image.astype(np.float32)

    def step(pixels: np.ndarray) -> np.ndarray:
        for name, values in (("mean", mean), ("std", std)):
            if not _is_numbers(values):
                raise ArgumentError(f"{name} is {values!r:.80}; expected a number, or one for each channel")
            if np.ndim(values) and np.size(values) != pixels.shape[-1]:
                raise InputError(f"{name} has {np.size(values)} values; the image has {pixels.shape[-1]} channels")
        normalized: np.ndarray = (pixels - np.asarray(mean, pixels.dtype)) / np.asarray(std, pixels.dtype)
        return normalized

    return _by_pixels(image, step, data_format, input_data_format)


def _is_unit(image: np.ndarray, do_rescale: bool | None) -> bool:
    """Whether pixels in 0..1 are to be raised to 0..255 for Pillow.

    Raises:
        InputError: they lie in neither.
    """
    if do_rescale is not None:
        return do_rescale
    if image.dtype == np.uint8:
        return False
    if np.allclose(image, image.astype(int)):
        if np.all(image >= 0) and np.all(image <= 255):
            return False
        raise InputError(f"whole pixels from {image.min():g} to {image.max():g} are no image; expected 0..255")
    if np.all(image >= 0) and np.all(image <= 1):
        return True
    raise InputError(f"pixels from {image.min():g} to {image.max():g} are no image; expected 0..255 or 0..1")


def to_pil_image(
    image: Any, do_rescale: bool | None = None, image_mode: str | None = None, input_data_format: Format = None
) -> Any:
    """An image as one of Pillow.

    Args:
        do_rescale: raise 0..1 to 0..255; by default where pixels are fractions. image_mode: Pillow's mode.
    """
    if is_pil(image):
        return image
    pixels = to_channel_dimension_format(to_numpy_array(image), ChannelDimension.LAST, input_data_format)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    if _is_unit(pixels, do_rescale):
        pixels = rescale(pixels, 255)
    picture = require("PIL.Image", "to_pil_image").fromarray(pixels.astype(np.uint8))
    return picture if image_mode in (None, picture.mode) else picture.convert(image_mode)


def get_size_with_aspect_ratio(image_size: tuple[int, int], size: int, max_size: int | None = None) -> tuple[int, int]:
    """Height and width with `size` as the shorter edge, unless the longer one would exceed `max_size`."""
    return transforms.output_size(*image_size, {"shortest_edge": size, **({"longest_edge": max_size} if max_size else {})})


def get_resize_output_image_size(
    input_image: Any,
    size: Any,
    default_to_square: bool = True,
    max_size: int | None = None,
    input_data_format: Format = None,
) -> tuple[int, int]:
    """Height and width of an image that is resized to `size`: a pair as it is; a number for both, or for the shorter edge.

    Args:
        default_to_square: one number is height and width. max_size: no edge is longer, where the shorter one is given.

    Raises:
        InputError: `max_size` below the shorter edge.
    """
    if isinstance(size, list | tuple):
        if len(size) == 2:
            return size[0], size[1]
        if len(size) != 1:
            raise InputError(f"size has {len(size)} numbers; expected one or two")
        size = size[0]
    if default_to_square:
        return size, size
    height, width = get_image_size(input_image, input_data_format)
    short, long = min(height, width), max(height, width)
    ends = size, int(size * long / short)
    if max_size is not None:
        if max_size <= size:
            raise InputError(f"max_size is {max_size}; expected more than the shorter edge, which is {size}")
        if ends[1] > max_size:
            ends = int(max_size * ends[0] / ends[1]), max_size
    return ends if height < width else (ends[1], ends[0])


def resize(
    image: Any,
    size: tuple[int, int],
    resample: Any = None,
    reducing_gap: int | None = None,
    data_format: Format = None,
    return_numpy: bool = True,
    input_data_format: Format = None,
) -> Any:
    """An image scaled to `size` (height, width) by Pillow, bilinear by default; fractions keep their range.

    Args:
        return_numpy: an array, not an image of Pillow.
    """
    height, width = _height_and_width(size)
    if not height or not width:
        raise InputError(f"size is {size!r:.80}; expected a height and a width of at least 1 pixel")
    filter_number = 2 if resample is None else resample
    if not is_pil(image):
        place = infer_channel_dimension_format(image) if input_data_format is None else ChannelDimension(input_data_format)
        unit = _is_unit(image, None)
        scaled = to_pil_image(image, unit, None, place).resize((width, height), filter_number, reducing_gap=reducing_gap)
    else:
        place, unit = ChannelDimension.LAST, False
        scaled = image.resize((width, height), filter_number, reducing_gap=reducing_gap)
    if not return_numpy:
        return scaled
    pixels = np.array(scaled)
    pixels = to_channel_dimension_format(
        pixels[..., None] if pixels.ndim == 2 else pixels, data_format or place, "channels_last"
    )
    return rescale(pixels, 1 / 255) if unit else pixels


def center_crop(
    image: np.ndarray, size: tuple[int, int], data_format: Format = None, input_data_format: Format = None
) -> np.ndarray:
    """The middle (height, width) of an image; what lies outside of it is zero."""
    height, width = _height_and_width(size)
    return _by_pixels(
        _checked(image), lambda pixels: transforms.center_crop(pixels, height, width), data_format, input_data_format
    )


def pad(
    image: np.ndarray,
    padding: Any,
    mode: PaddingMode | str = PaddingMode.CONSTANT,
    constant_values: Any = 0.0,
    data_format: Format = None,
    input_data_format: Format = None,
) -> np.ndarray:
    """An image, or a batch, with more pixels around it.

    Args:
        padding: a number of pixels for every side; (before, after) for both axes; or ((top, bottom), (left, right)).
        mode: what they are. constant_values: in the same forms as `padding`, for `PaddingMode.CONSTANT`.
    """
    place = infer_channel_dimension_format(image) if input_data_format is None else ChannelDimension(input_data_format)
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "symmetric": "symmetric"}
    if mode not in modes:
        raise InputError(f"mode is {mode!r}; expected one of {', '.join(modes)}")
    widths = _for_axes(padding, image.ndim, place)
    if any(number < 0 for pair in widths for number in pair):
        raise InputError(f"padding is {padding!r:.80}; expected numbers of pixels from 0")
    options = {"constant_values": _for_axes(constant_values, image.ndim, place)} if mode == "constant" else {}
    padded = np.pad(image, widths, mode=modes[mode], **options)  # type: ignore[call-overload]
    result: np.ndarray = padded
    return result if data_format is None else _moved(result, data_format, place)


def _for_axes(values: Any, axes: int, place: ChannelDimension) -> list[tuple[Any, Any]]:
    """A number, (before, after) or a pair of those for height and width, as a pair for every axis."""
    if isinstance(values, int | float):
        pairs = [(values, values)] * 2
    elif isinstance(values, tuple) and len(values) == 1:
        pairs = [(values[0], values[0])] * 2
    elif isinstance(values, tuple) and len(values) == 2 and isinstance(values[0], int | float):
        pairs = [values] * 2
    elif isinstance(values, tuple | list) and len(values) == 2 and all(len(pair) == 2 for pair in values):
        pairs = [tuple(pair) for pair in values]
    else:
        raise InputError(f"found {values!r:.80}; expected a number, a pair, or a pair of pairs for height and width")
    channels = [(0, 0)]
    image = [*channels, *pairs] if place is ChannelDimension.FIRST else [*pairs, *channels]
    return [(0, 0)] * (axes - 3) + image


def convert_to_rgb(image: Any, return_numpy: bool = False, input_data_format: Format = None) -> Any:
    """An image in RGB; what is transparent is laid on white.

    Args:
        return_numpy: an array in the order of `image`, (Y, X, C) for one of Pillow, not an image of Pillow.

    Raises:
        InputError: colours and alpha are floats, and not all from 0 to 1, so that nothing says how opaque they are.
    """
    place = ChannelDimension.LAST
    if not is_pil(image):
        place = (
            infer_channel_dimension_format(image, (1, 3, 4))
            if input_data_format is None
            else ChannelDimension(input_data_format)
        )
        channels = image.shape[0 if place is ChannelDimension.FIRST else -1]
        if channels == 4 and image.dtype.kind == "f" and image.size:
            least, most = float(image.min()), float(image.max())
            if least < 0 or most > 1:
                raise InputError(f"colours with alpha are floats from {least:g} to {most:g}; expected 0 to 1, or whole numbers")
    pixels = to_array(image, True, None if is_pil(image) else place)
    if return_numpy:
        return to_channel_dimension_format(pixels, place, ChannelDimension.LAST)
    return to_pil_image(pixels, input_data_format=ChannelDimension.LAST)


def flip_channel_order(image: np.ndarray, data_format: Format = None, input_data_format: Format = None) -> np.ndarray:
    """RGB to BGR and back."""
    return _by_pixels(_checked(image), lambda pixels: pixels[..., ::-1], data_format, input_data_format)


def center_to_corners_format(bboxes_center: Any) -> Any:
    """Boxes (center x, center y, width, height) as (left, top, right, bottom), arrays or tensors (..., 4)."""
    return _on_arrays(center_to_corners, bboxes_center)


def corners_to_center_format(bboxes_corners: Any) -> Any:
    """The inverse of `center_to_corners_format`."""
    return _on_arrays(corners_to_center, bboxes_corners)


def _on_arrays(function: Callable[..., Any], boxes: Any) -> Any:
    if not is_torch(boxes) and not isinstance(boxes, np.ndarray):
        raise InputError(f"boxes are an array or a tensor; found {type(boxes).__name__}")
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise InputError(f"boxes are four numbers each, (..., 4); found the shape {tuple(boxes.shape)}")
    if is_torch(boxes):
        return function(boxes)
    import torch

    return function(torch.from_numpy(boxes)).numpy()


def rgb_to_id(color: Any) -> Any:
    """Colours (..., 3) as numbers: red + 256 green + 65536 blue."""
    if isinstance(color, np.ndarray) and color.ndim == 3:
        levels = color.astype(np.int32)
        return levels[..., 0] + 256 * levels[..., 1] + 65536 * levels[..., 2]
    if len(color) != 3 or not _is_numbers(color):
        raise InputError(f"a colour is {color!r:.80}; expected red, green and blue, or an array (Y, X, 3)")
    return int(color[0] + 256 * color[1] + 65536 * color[2])


def id_to_rgb(id_map: Any) -> Any:
    """The inverse of `rgb_to_id`: an array of numbers as one of colours (..., 3), one number as a list."""
    if isinstance(id_map, np.ndarray):
        return np.stack([(id_map // 256**place) % 256 for place in range(3)], axis=-1).astype(np.uint8)
    if not isinstance(id_map, int | np.integer):
        raise ArgumentError(f"the number of a colour is {id_map!r:.80}; expected a whole number, or an array of them")
    return [(id_map // 256**place) % 256 for place in range(3)]


def safe_squeeze(tensor: Any, axis: int | None = None) -> Any:
    """Without an axis of length 1, or, where it is longer, as it is."""
    if axis is None:
        return tensor.squeeze()
    return tensor.squeeze(axis) if tensor.shape[axis] == 1 else tensor


def divide_to_patches(image: Any, patch_size: int | tuple[int, int]) -> list[Any]:
    """The squares of an image (C, Y, X), row by row; those at the far edges may be smaller."""
    rows, columns = (patch_size, patch_size) if isinstance(patch_size, int) else patch_size
    height, width = get_image_size(image, ChannelDimension.FIRST)
    return [
        image[:, top : top + rows, left : left + columns] for top in range(0, height, rows) for left in range(0, width, columns)
    ]


def split_to_tiles(images: Any, num_tiles_height: int, num_tiles_width: int) -> Any:
    """(B, C, Y, X) -> (B, tiles, C, tile's Y, tile's X), row by row."""
    batch, channels, height, width = images.shape
    rows, columns = height // num_tiles_height, width // num_tiles_width
    tiles = images.reshape(batch, channels, num_tiles_height, rows, num_tiles_width, columns)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, num_tiles_height * num_tiles_width, channels, rows, columns)
