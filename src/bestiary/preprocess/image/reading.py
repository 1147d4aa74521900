"""Anything that is an image becomes an array (Y, X, C); nested lists of them become one flat list."""

import io
import os
import struct
import sys
import zlib
from enum import IntEnum
from typing import Any

import numpy as np

from ...core.errors import CorruptFile, InputError
from ...core.explicit_enum import ExplicitEnum
from ...core.logging import warn_once
from ...core.optional import require
from ..batch import is_torch, to_numpy
from ..sources import read_source, source_name

# Means and deviations of the pixels (0..1, red green blue) that published checkpoints were trained with.
IMAGENET_DEFAULT_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEFAULT_STD = (0.229, 0.224, 0.225)
IMAGENET_STANDARD_MEAN = (0.5, 0.5, 0.5)
IMAGENET_STANDARD_STD = (0.5, 0.5, 0.5)
OPENAI_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


# What Pillow's decoders raise for files that are damaged.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, RuntimeError, struct.error, zlib.error)
# Modes whose numbers are channels; others (palette indices, CMYK) become RGB.
_AS_THEY_ARE = ("RGB", "RGBA", "L", "LA", "I", "F")


class ChannelDimension(ExplicitEnum):
    """Where the channels of an array are: (C, Y, X) or (Y, X, C)."""

    FIRST = "channels_first"
    LAST = "channels_last"


class PILImageResampling(IntEnum):
    """Filters for resizing, with Pillow's numbers, which files store."""

    NEAREST = 0
    LANCZOS = 1
    BILINEAR = 2
    BICUBIC = 3
    BOX = 4
    HAMMING = 5


def load_image(image: Any, timeout: float | None = None) -> Any:
    """`image` as a Pillow image in RGB, turned upright as its EXIF entry says.

    Args:
        image: a Pillow image, a path, bytes, base64, a data URL, or an http(s) address, which is fetched.
        timeout: seconds to wait for the server.

    Raises:
        InputError: none of these, or an image of no pixels or of suspiciously many.
        CorruptFile: the content is no image, or is cut short.
        FileMissing, HubError: the source cannot be read.
    """
    if not is_pil(image):
        if not isinstance(image, str | bytes | os.PathLike):
            raise InputError(
                f"an image to load is a path, bytes, base64, an address or a Pillow image, not {type(image).__name__}"
            )
        image = decode(read_source(image, "image", fetch=True, timeout=timeout), source_name(image, "image"))
    return _upright(image)


def _upright(image: Any) -> Any:
    return _three_channels(require("PIL.ImageOps", "reading images").exif_transpose(image))


def _three_channels(image: Any) -> Any:
    """A Pillow image in RGB; deep ones lose what eight bits cannot hold."""
    if (image.mode in ("I", "F") or image.mode.startswith("I;16")) and 0 not in image.size and np.asarray(image).max() > 255:
        warn_once(
            "deep-pixels",
            f"an image of mode {image.mode} has pixels up to {np.asarray(image).max():g}; in RGB all above 255 are 255. "
            "Scale it to 0..255 first",
        )
    return image.convert("RGB")


def decode(content: bytes, name: str = "the image") -> Any:
    """Encoded bytes as a Pillow image, read to its end so that damage shows here."""
    pil = require("PIL.Image", "reading images")
    try:
        image = pil.open(io.BytesIO(content))
        image.load()
    except pil.DecompressionBombError as error:
        raise InputError(
            f"{name} claims so many pixels that it may exhaust the memory ({error}); scale it down first, or, where the file"
            f" is to be trusted, set PIL.Image.MAX_IMAGE_PIXELS (now {pil.MAX_IMAGE_PIXELS}; twice as many are read) higher"
        ) from error
    except _DAMAGE as error:
        reason = str(error).partition(" <")[0]  # without the object that was read
        raise CorruptFile(f"{name} ({len(content)} bytes) is not an image that can be read, or is damaged: {reason}") from error
    return image


def is_pil(value: Any) -> bool:
    """Whether `value` is a Pillow image."""
    module = sys.modules.get("PIL.Image")  # without it imported, nothing can be one
    return module is not None and isinstance(value, module.Image)


def flat_list(images: Any) -> list[Any]:
    """One image, a batch array (B, ...), or nested lists of images as a flat list of single images.

    A list of numbers at its ends is one image, as an array would be.
    """
    if isinstance(images, list | tuple):
        if _ends_in_numbers(images):
            images = _array_of(images)
        else:
            return [image for item in images for image in flat_list(item)]
    if (isinstance(images, np.ndarray) or is_torch(images)) and images.ndim in (4, 5):
        return [image for item in images for image in flat_list(item)]
    return [images]


def _ends_in_numbers(value: Any) -> bool:
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, int | float)


def _array_of(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"a nested list given as an image has rows of different lengths: {error}") from error


def to_array(image: Any, convert_rgb: bool, input_data_format: str | None, index: int = 0) -> np.ndarray:
    """One image as an array (Y, X, C) of numbers; `index` is its place in the batch, for messages.

    Args:
        convert_rgb: make three channels of any colour space; what is transparent is laid on white, grey is repeated. What
            comes encoded (a path, bytes, base64) is RGB in any case, without its transparency, and turned upright.
        input_data_format: where an array has its channels; None infers it.

    Raises:
        InputError: no pixels, a wrong number of axes, channels that cannot be told, NaN or infinite values.
    """
    if isinstance(image, str | bytes | os.PathLike):
        image = _upright(decode(read_source(image, "image"), f"image {index}"))
    if is_pil(image):
        array = _from_pil(image, convert_rgb)
    elif isinstance(image, np.ndarray) or is_torch(image):
        plain = to_numpy(image, f"image {index}") if is_torch(image) else np.asarray(image)
        if plain.dtype == object:  # of numbers, as tables hold them
            plain = _array_of(plain.tolist())
        array = _channels_last(plain, input_data_format, index)
    else:
        raise InputError(
            f"image {index} is a {type(image).__name__}; expected a Pillow image, an array, a tensor, a path, bytes or base64"
        )
    if 0 in array.shape:
        raise InputError(f"image {index} has no pixels: its height x width x channels is {' x '.join(map(str, array.shape))}")
    if array.dtype.kind not in "uifb":
        raise InputError(f"image {index} holds values of type {array.dtype}, numbers were expected")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"image {index} holds NaN or infinite pixels")
    return rgb(array) if convert_rgb else array


def rgb(array: np.ndarray) -> np.ndarray:
    """(Y, X, 1, 2, 3 or 4) to (Y, X, 3): colours are laid on white by their alpha (channel 2 or 4), grey is repeated.

    Whole numbers, and floats above 1, reach to 255, other floats to 1. Further counts of channels stay as they are.
    """
    channels = array.shape[-1]
    if channels in (2, 4):
        white = 1.0 if array.dtype.kind == "f" and array.max() <= 1 else 255.0
        weight = array[..., -1:] / white
        mixed = array[..., :-1] * weight + white * (1 - weight)
        array = (mixed if array.dtype.kind == "f" else np.rint(mixed)).astype(array.dtype)
    return np.repeat(array, 3, axis=-1) if channels in (1, 2) else array


def _from_pil(image: Any, convert_rgb: bool) -> np.ndarray:
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("YCbCr", "LAB", "HSV") and not convert_rgb:
        warn_once(
            "colour-space",
            f"the channels of an image of mode {image.mode} are taken as they are; do_convert_rgb=True makes RGB of them",
        )
    elif convert_rgb or (image.mode not in _AS_THEY_ARE and not image.mode.startswith("I;16")):
        if image.has_transparency_data and image.mode != "RGBa" and 0 not in image.size:
            pil = require("PIL.Image", "reading images")
            image = pil.alpha_composite(pil.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = _three_channels(image)
    if 0 in image.size:
        return np.zeros((image.size[1], image.size[0], 3), np.uint8)
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def _channels_last(array: np.ndarray, input_data_format: str | None, index: int) -> np.ndarray:
    if array.ndim == 2:
        return array[..., None]
    if array.ndim != 3:
        raise InputError(f"image {index} has shape {array.shape}; expected (height, width) or three axes with the channels")
    first = infer_channel_dimension(array.shape, index) if input_data_format is None else ChannelDimension(input_data_format)
    return array.transpose(1, 2, 0) if first is ChannelDimension.FIRST else array


def infer_channel_dimension(shape: tuple[int, ...], index: int = 0, counts: tuple[int, ...] = (1, 3, 4)) -> ChannelDimension:
    """Where an array of three axes has its channels: the end of a length in `counts`; the first, with a warning, if both are.

    Raises:
        InputError: neither could be it.
    """
    first, last = shape[0] in counts, shape[-1] in counts
    if first and last:
        warn_once(
            "channels-first",
            f"image {index} of shape {shape} may have its channels first or last; the first axis is taken for them. "
            'Say which with input_data_format="channels_first" or "channels_last"',
        )
    if first or last:
        return ChannelDimension.FIRST if first else ChannelDimension.LAST
    raise InputError(
        f"image {index} of shape {shape} has no axis of 1, 3 or 4 channels at either end; name it with input_data_format"
    )
