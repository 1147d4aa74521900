"""What writers of image processors import from `image_processing_utils`: sizes in one form, and the older mixin."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.optional import require
from ..preprocess.batch import is_torch
from ..preprocess.image.reading import PILImageResampling, is_pil
from ..preprocess.image.transforms import SIZE_KEYS as _SIZE_KEYS
from .image_transforms import center_crop, get_resize_output_image_size
from .images import get_image_size, get_image_type

VALID_SIZE_DICT_KEYS = (*_SIZE_KEYS, {"min_pixels", "max_pixels"})


def is_valid_size_dict(size_dict: Any) -> bool:
    """Whether this is a dictionary with the edges of one form of a size."""
    return isinstance(size_dict, dict) and set(size_dict) in VALID_SIZE_DICT_KEYS


def convert_to_size_dict(
    size: Any = None, max_size: int | None = None, default_to_square: bool = True, height_width_order: bool = True
) -> dict[str, int]:
    """A number, a pair or nothing as a size.

    Args:
        max_size: the longest edge, beside one number for the shortest, or alone.
        default_to_square: one number is height and width. height_width_order: a pair is height and width, not the reverse.

    Raises:
        InputError: no size, or `max_size` beside a square.
    """
    if isinstance(size, list | tuple):
        height, width = size if height_width_order else size[::-1]
        return {"height": height, "width": width}
    if default_to_square and max_size is not None:
        raise InputError(f"max_size={max_size} limits a size by its shortest edge; pass default_to_square=False")
    if isinstance(size, int):
        limit = {} if max_size is None else {"longest_edge": max_size}
        return {"height": size, "width": size} if default_to_square else {"shortest_edge": size, **limit}
    if size is None and max_size is not None:
        return {"longest_edge": max_size}
    raise InputError(f"a size is a number, a pair or a dictionary; found {size!r:.80}")


def get_size_dict(
    size: Any = None,
    max_size: int | None = None,
    height_width_order: bool = True,
    default_to_square: bool = True,
    param_name: str = "size",
) -> dict[str, int]:
    """A size in any form as a dictionary of edges; for the other arguments see `convert_to_size_dict`.

    Raises:
        InputError: a dictionary of other edges, or no size; `param_name` is in the message.
    """
    edges = size if isinstance(size, dict) else convert_to_size_dict(size, max_size, default_to_square, height_width_order)
    if not is_valid_size_dict(edges):
        forms = ", ".join(str(sorted(form)) for form in VALID_SIZE_DICT_KEYS)
        raise InputError(f"{param_name} must have the edges of one of {forms}; found {sorted(edges)}")
    return dict(edges)


def select_best_resolution(original_size: tuple[int, int], possible_resolutions: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Which height and width keep most pixels of an image that is fitted into them; of equal ones that with least to fill."""
    height, width = original_size

    def merit(resolution: tuple[int, int]) -> tuple[int, int]:
        scale = min(resolution[1] / width, resolution[0] / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        return kept, kept - resolution[0] * resolution[1]

    return max(possible_resolutions, key=merit)


def get_patch_output_size(image: Any, target_resolution: tuple[int, int], input_data_format: Any) -> tuple[int, int]:
    """Height and width of an image that is fitted into `target_resolution`, its proportions kept."""
    height, width = get_image_size(image, input_data_format)
    scale = min(target_resolution[1] / width, target_resolution[0] / height)
    if target_resolution[1] / width < target_resolution[0] / height:
        return min(math.ceil(height * scale), target_resolution[0]), target_resolution[1]
    return target_resolution[0], min(math.ceil(width * scale), target_resolution[1])


class ImageFeatureExtractionMixin:
    """Steps for images of Pillow, arrays and tensors, which feature extractors for images had before image processors.

    Arrays and tensors have 1 or 3 channels, first or last. What is no image is an `InputError`.
    """

    def to_pil_image(self, image: Any, rescale: bool | None = None) -> Any:
        """An image of Pillow; `rescale` raises 0..1 to 0..255, by default that of floats."""
        get_image_type(image)
        if is_pil(image):
            return image
        pixels = np.asarray(image)
        if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
            pixels = pixels.transpose(1, 2, 0)
        scale = pixels.dtype.kind == "f" if rescale is None else rescale
        return require("PIL.Image", "to_pil_image").fromarray((pixels * 255 if scale else pixels).astype(np.uint8))

    def convert_rgb(self, image: Any) -> Any:
        """An image of Pillow in RGB; arrays and tensors stay as they are."""
        get_image_type(image)
        return image.convert("RGB") if is_pil(image) else image

    def rescale(self, image: Any, scale: float) -> Any:
        """`image * scale`."""
        get_image_type(image)
        return image * scale

    def to_numpy_array(self, image: Any, rescale: bool | None = None, channel_first: bool = True) -> np.ndarray:
        """An array, by default with channels that came last first; `rescale` brings 0..255 to 0..1, by default integers."""
        get_image_type(image)
        pixels = np.array(image) if is_pil(image) else np.asarray(image)
        if pixels.dtype.kind in "iu" if rescale is None else rescale:
            pixels = pixels.astype(np.float32) * (1 / 255.0)
        return pixels.transpose(2, 0, 1) if channel_first and pixels.ndim == 3 else pixels

    def expand_dims(self, image: Any) -> Any:
        """An array or tensor with an axis more before it; an image of Pillow as it is."""
        get_image_type(image)
        return image if is_pil(image) else image[None]

    def normalize(self, image: Any, mean: Any, std: Any, rescale: bool = False) -> Any:
        """`(image - mean) / std` per channel; an image of Pillow is brought to 0..1 first, others where `rescale` says it."""
        get_image_type(image)
        if is_pil(image):
            image = self.to_numpy_array(image, rescale=True)
        elif rescale:
            image = self.rescale(image.float() if is_torch(image) else image.astype(np.float32), 1 / 255.0)
        place = (-1, 1, 1) if image.ndim == 3 and image.shape[0] in (1, 3) else (-1,)
        make = image.new_tensor if is_torch(image) else lambda values: np.asarray(values, image.dtype)
        return (image - make(mean).reshape(place)) / make(std).reshape(place)

    def resize(
        self, image: Any, size: Any, resample: Any = None, default_to_square: bool = True, max_size: int | None = None
    ) -> Any:
        """An image of Pillow scaled to `size`: a pair is width and height, one number both, or the shorter edge.

        Args:
            max_size: the limit of the longer edge, where the shorter one is given.
        """
        image = self.to_pil_image(image)
        if not isinstance(size, int) and len(size) == 2:
            to = tuple(size)
        else:
            edge = size if isinstance(size, int) else size[0]
            if not default_to_square and min(image.size) == edge:
                return image
            to = get_resize_output_image_size(np.empty((*image.size[::-1], 3)), edge, default_to_square, max_size)[::-1]
        return image.resize(to, resample=PILImageResampling.BILINEAR if resample is None else resample)

    def center_crop(self, image: Any, size: Any) -> Any:
        """The middle (height, width); what lies outside is zero. Arrays and tensors come out (C, Y, X)."""
        get_image_type(image)
        height, width = size if isinstance(size, tuple) else (size, size)
        if is_pil(image):
            top, left = (image.size[1] - height) // 2, (image.size[0] - width) // 2
            return image.crop((left, top, left + width, top + height))
        pixels = image[None] if image.ndim == 2 else image
        place = "channels_first" if pixels.shape[0] in (1, 3) else "channels_last"
        cropped = center_crop(np.asarray(pixels), (height, width), "channels_first", place)
        return require("torch", "tensors").from_numpy(np.ascontiguousarray(cropped)) if is_torch(image) else cropped

    def flip_channel_order(self, image: Any) -> Any:
        """RGB to BGR of an array or tensor (C, Y, X), and of an image of Pillow in 0..1."""
        get_image_type(image)
        return image.flip(0) if is_torch(image) else (self.to_numpy_array(image) if is_pil(image) else image)[::-1]

    def rotate(
        self,
        image: Any,
        angle: float,
        resample: Any = None,
        expand: int = 0,
        center: tuple[float, float] | None = None,
        translate: tuple[float, float] | None = None,
        fillcolor: Any = None,
    ) -> Any:
        """An image of Pillow turned counterclockwise by `angle` degrees; the others are those of Pillow's `Image.rotate`."""
        kind = PILImageResampling.NEAREST if resample is None else resample
        return self.to_pil_image(image).rotate(
            angle, resample=kind, expand=expand, center=center, translate=translate, fillcolor=fillcolor
        )
