"""The base of every image processor, and of those that users write: how it is called, its files, steps for one array."""

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, InputError
from ...hub.code.saving import registers_for
from ...hub.files import HubOptions
from ..batch import BatchFeature, is_torch
from ..part import Preprocessor
from . import transforms
from .reading import ChannelDimension, infer_channel_dimension, is_pil, load_image, to_array


class BaseImageProcessor(Preprocessor):
    """An image processor whose settings are what its constructor sets; a subclass writes `preprocess`.

    `PilBackend` has all usual steps and their settings.

    Class attributes:
        layout: where the arrays that the steps take have their channels, "channels_first" or "channels_last"; None infers it.

    Example:
        class Halves(BaseImageProcessor):
            def __init__(self, factor=0.5, **kwargs):
                super().__init__(**kwargs)
                self.factor = factor

            def preprocess(self, images, return_tensors=None):
                return BatchFeature({"pixel_values": [self.rescale(image, self.factor) for image in images]}, return_tensors)
    """

    part_name: ClassVar[str] = "image_processor"
    type_key: ClassVar[str] = "image_processor_type"
    foreign: ClassVar[str] = "sampling_rate"
    model_input_names: ClassVar[list[str]] = ["pixel_values"]
    layout: ClassVar[str | None] = None
    register_for_auto_class = registers_for("AutoImageProcessor")

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Names of the options of a call: those of `preprocess`, and every setting."""
        return cls.field_names() | frozenset(list(inspect.signature(cls.preprocess).parameters)[2:])

    @classmethod
    def get_image_processor_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The stored settings, and those of `kwargs` that do not say where they are."""
        options, others = HubOptions.split(kwargs)
        return cls.get_dict(pretrained_model_name_or_path, options), others

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> BatchFeature:
        """The same as `preprocess`."""
        return self.preprocess(images, *args, **kwargs)

    def preprocess(self, images: Any, *args: Any, **kwargs: Any) -> BatchFeature:
        """The features of images.

        Raises:
            ArgumentError: the subclass has not written it.
        """
        raise ArgumentError(
            f"{type(self).__name__} has no preprocess(images, ...); write one, or derive from PilBackend, which has all steps"
        )

    def fetch_images(self, image_url_or_urls: Any) -> Any:
        """Each path, address, base64 or data URL in (lists of) these as a Pillow image in RGB; images stay as they are.

        Raises:
            InputError: neither. FileMissing, HubError, CorruptFile: one cannot be read.
        """
        if isinstance(image_url_or_urls, list | tuple):
            return [self.fetch_images(each) for each in image_url_or_urls]
        if isinstance(image_url_or_urls, str):
            return load_image(image_url_or_urls)
        if is_pil(image_url_or_urls) or is_torch(image_url_or_urls) or isinstance(image_url_or_urls, np.ndarray):
            return image_url_or_urls
        raise InputError(f"an image, or an address of one, was expected; found {type(image_url_or_urls).__name__}")

    def convert_to_rgb(self, image: Any, input_data_format: str | None = None) -> np.ndarray:
        """An image as an array in RGB, in the order of its axes, else (Y, X, C); what is transparent is laid on white."""
        place = None if is_pil(image) else input_data_format or self.layout or infer_channel_dimension(image.shape)
        pixels = to_array(image, True, place)
        return pixels.transpose(2, 0, 1) if place == ChannelDimension.FIRST else pixels

    def rescale(
        self,
        image: np.ndarray,
        scale: float,
        data_format: str | None = None,
        input_data_format: str | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`image * scale` in fp32.

        Args:
            image: (C, Y, X) or (Y, X, C), as `input_data_format` says, by default `layout`.
            data_format: that of the result; None is that of the image.
            **kwargs: what overriding methods take, without effect here.
        """
        return self._by_pixels(image, lambda pixels: transforms.rescale(pixels, scale), data_format, input_data_format)

    def normalize(
        self,
        image: np.ndarray,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        data_format: str | None = None,
        input_data_format: str | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`(image - mean) / std` in fp32, per channel; the other arguments are those of `rescale`."""
        return self._by_pixels(image, lambda pixels: transforms.normalize(pixels, mean, std), data_format, input_data_format)

    def center_crop(
        self, image: np.ndarray, size: Any, data_format: str | None = None, input_data_format: str | None = None, **kwargs: Any
    ) -> np.ndarray:
        """The middle of `size["height"]` and `size["width"]`, black outside; the other arguments are those of `rescale`.

        Raises:
            ConfigError: a size of other edges.
        """
        exact = transforms.exact_size(size, "size")
        return self._by_pixels(image, lambda pixels: transforms.center_crop(pixels, **exact), data_format, input_data_format)

    def _by_pixels(
        self,
        image: np.ndarray,
        step: Callable[[np.ndarray], np.ndarray],
        data_format: str | None,
        input_data_format: str | None,
    ) -> np.ndarray:
        """`step` of an image (Y, X, C), whatever the order of `image`."""
        if not isinstance(image, np.ndarray) or image.ndim != 3:
            shape = f" of shape {image.shape}" if isinstance(image, np.ndarray) else ""
            raise InputError(f"an array (C, Y, X) or (Y, X, C) was expected; found {type(image).__name__}{shape}")
        data_format, source_format = channel_formats(data_format, input_data_format or self.layout)
        counts = (1, 3) if {image.shape[0], image.shape[-1]} & {1, 3} else (4,)  # a picture four pixels high is not of four
        place = ChannelDimension(source_format) if source_format else infer_channel_dimension(image.shape, counts=counts)
        pixels = step(image.transpose(1, 2, 0) if place is ChannelDimension.FIRST else image)
        return pixels.transpose(2, 0, 1) if (data_format or place) == ChannelDimension.FIRST else pixels


def channel_formats(data_format: str | None, input_data_format: str | None) -> tuple[str | None, str | None]:
    """Both as they came; `ArgumentError` for what is neither "channels_first" nor "channels_last"."""
    for name, value in (("data_format", data_format), ("input_data_format", input_data_format)):
        if value is not None and value not in tuple(ChannelDimension):
            raise ArgumentError(f'{name} must be "channels_first" or "channels_last", not {value!r:.80}')
    return data_format, input_data_format
