"""One image processor, driven by its settings; a family names its defaults and nothing else."""

import inspect
from collections.abc import Sequence
from dataclasses import field, fields
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, ConfigError, InputError
from ...core.kinds import Positive
from ...core.logging import warn_once
from ...hub.code.saving import registers_for
from ..batch import BatchFeature, TensorType
from ..part import Preprocessor
from . import transforms
from .reading import ChannelDimension, PILImageResampling, flat_list, to_array

Deviation = Positive | Sequence[Positive]
Size = int | Sequence[int] | dict[str, int | None]


def edges(**lengths: int) -> Any:
    """A size as the default of a field."""
    return field(default_factory=lambda: dict(lengths))


class BaseImageProcessor(Preprocessor):
    """Images to `pixel_values`, in this order: RGB, resize, crop the middle, rescale, normalise, flip channels, pad.

    Every setting can be overridden per call. `size` holds `height` and `width`, `shortest_edge` (and `longest_edge`, its
    limit), `longest_edge`, or `max_height` and `max_width`; `crop_size` and `pad_size` hold `height` and `width`.

    Example:
        processor = ViTImageProcessor.from_pretrained(folder)
        pixels = processor(images, return_tensors="pt").pixel_values  # (B, C, Y, X)
    """

    part_name: ClassVar[str] = "image_processor"
    type_key: ClassVar[str] = "image_processor_type"
    foreign: ClassVar[str] = "sampling_rate"
    model_input_names: ClassVar[list[str]] = ["pixel_values"]
    register_for_auto_class = registers_for("AutoImageProcessor")

    do_convert_rgb: bool | None = None
    do_resize: bool = True
    size: Size = edges(height=224, width=224)
    default_to_square: bool = True
    resample: int = PILImageResampling.BILINEAR
    do_center_crop: bool | None = None
    crop_size: Size | None = None
    do_rescale: bool = True
    rescale_factor: Positive = 1 / 255
    do_normalize: bool = True
    image_mean: float | Sequence[float] = (0.5, 0.5, 0.5)
    image_std: Deviation = (0.5, 0.5, 0.5)
    do_flip_channel_order: bool | None = None
    do_pad: bool | None = None
    pad_size: Size | None = None

    def validate(self) -> None:
        """Bring sizes into one form and refuse values that no step can use."""
        super().validate()
        self.size = dict(transforms.read_size(self.size, self.default_to_square))
        for name in ("crop_size", "pad_size"):
            if self.get(name) is not None:
                exact = transforms.read_size(self.get(name), True, name)
                if "height" not in exact:
                    raise ConfigError(f"{name} must have height and width, not {exact}")
                setattr(self, name, exact)
        if self.do_center_crop and self.crop_size is None:
            raise ConfigError("do_center_crop needs a crop_size")
        if self.resample not in tuple(PILImageResampling):
            raise ConfigError(
                f"resample must be one of {[f'{int(r)} ({r.name})' for r in PILImageResampling]}, not {self.resample!r:.80}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The settings in use as plain JSON types, with the name of the class."""
        values = super().to_dict()
        unset = {f.name for f in fields(self) if f.default is None and values[f.name] is None}
        if self.default_to_square == type(self).default_to_square:
            unset.add("default_to_square")
        return {name: value for name, value in values.items() if name not in unset} | {"resample": int(self.resample)}

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Names of the options of a call: its own, and every setting."""
        own = set(inspect.signature(cls.preprocess).parameters) - {"self", "images", "overrides"}
        return cls.field_names() | own | {"disable_grouping"}

    def __call__(self, images: Any, *, disable_grouping: bool | None = None, **kwargs: Any) -> BatchFeature:
        """The same as `preprocess`. `disable_grouping`, which elsewhere trades speed for memory, changes nothing."""
        return self.preprocess(images, **kwargs)

    def preprocess(
        self,
        images: Any,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str = ChannelDimension.FIRST,
        input_data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """`pixel_values` of one image or of many.

        Args:
            images: Pillow images, arrays or tensors (Y, X), (Y, X, C) or (C, Y, X), nested lists of numbers, paths, bytes,
                base64 or data URLs; one, a batch array, or (nested) lists of them.
            return_tensors: "pt" or "np" stacks them into one tensor (B, C, Y, X); None returns a list of arrays.
            data_format: "channels_first" or "channels_last" for the result.
            input_data_format: where arrays have their channels; told from the shape when it can be.
            device: where a torch result is put; arrays and lists have no other place than the CPU, which is told.
            **overrides: any setting, for this call.

        Raises:
            InputError: an image cannot be used, or the results differ in size and were to be stacked.
            CorruptFile: an encoded image is damaged.
            ArgumentError, ConfigError: an override that does not exist or does not fit.
        """
        call = self.with_overrides(overrides)
        data_format, source_format = channel_formats(data_format, input_data_format)
        items = flat_list(images)
        if not items:
            raise InputError("no image was given")
        if device is not None and return_tensors != TensorType.PYTORCH:
            warn_once("device-of-arrays", f'device={device!r:.80} moves torch tensors alone; return_tensors="pt" makes them')
            device = None
        pixels = [call._one(to_array(image, bool(call.do_convert_rgb), source_format, i)) for i, image in enumerate(items)]
        features: dict[str, Any] = {}
        if call.do_pad:
            pixels, masks = call._pad_all(pixels)
            if "pixel_mask" in self.model_input_names:
                features["pixel_mask"] = masks
        if data_format == ChannelDimension.FIRST:
            pixels = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in pixels]
        batch = BatchFeature({"pixel_values": pixels, **features}, return_tensors)
        return batch if device is None else batch.to(device)

    def resized(self, image: np.ndarray) -> np.ndarray:
        """`image` (Y, X, C) resized as the settings say; a family overrides this where it differs."""
        size = transforms.read_size(self.size, self.default_to_square)
        height, width = transforms.output_size(image.shape[0], image.shape[1], size)
        return transforms.resize(image, height, width, self.resample)

    def _one(self, image: np.ndarray) -> np.ndarray:
        if self.do_resize:
            image = self.resized(image)
        if self.do_center_crop:
            image = transforms.center_crop(image, **transforms.read_size(self.crop_size, True, "crop_size"))
        if self.do_rescale:
            _warn_if_rescaled(image)
            image = transforms.rescale(image, self.rescale_factor)
        if self.do_normalize:
            image = transforms.normalize(image, self.image_mean, self.image_std)
        return transforms.flip_channels(image) if self.do_flip_channel_order else image

    def _pad_all(self, images: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Every image (Y, X, C) at the top left of one size, and masks (Y, X) with 1 on real pixels."""
        size: Any = self.pad_size or {
            "height": max(image.shape[0] for image in images),
            "width": max(image.shape[1] for image in images),
        }
        masks = [transforms.pad(np.ones((*image.shape[:2], 1), np.int64), **size)[..., 0] for image in images]
        return [transforms.pad(image, **size) for image in images], masks

    def pad(
        self,
        images: Any,
        return_pixel_mask: bool = True,
        return_tensors: str | TensorType | None = None,
        data_format: str = ChannelDimension.FIRST,
        input_data_format: str | None = None,
        pad_size: Size | None = None,
    ) -> BatchFeature:
        """Bring processed images to the largest height and width among them (or `pad_size`), with zeros below and right.

        Returns:
            `pixel_values` (B, C, Y, X) and, if wanted, `pixel_mask` (B, Y, X): 1 on real pixels.
        """
        data_format, source_format = channel_formats(data_format, input_data_format)
        call = self.with_overrides({"pad_size": pad_size})
        arrays = [to_array(image, False, source_format, index) for index, image in enumerate(flat_list(images))]
        padded, masks = call._pad_all(arrays)
        if data_format == ChannelDimension.FIRST:
            padded = [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in padded]
        features: dict[str, Any] = {"pixel_values": padded}
        if return_pixel_mask:
            features["pixel_mask"] = masks
        return BatchFeature(features, return_tensors)


def _warn_if_rescaled(image: np.ndarray) -> None:
    if image.dtype.kind == "f" and 0 < image.max() <= 1:
        message = (
            "an image of floats in 0..1 is rescaled once more; pass do_rescale=False if it already is what the model expects"
        )
        warn_once("rescaled-twice", message)


def channel_formats(data_format: str | None, input_data_format: str | None) -> tuple[str, str | None]:
    """Both as they are used; `ArgumentError` for what is neither "channels_first" nor "channels_last"."""
    for name, value in (("data_format", data_format), ("input_data_format", input_data_format)):
        if value is not None and value not in tuple(ChannelDimension):
            raise ArgumentError(f'{name} must be "channels_first" or "channels_last", not {value!r:.80}')
    return data_format or ChannelDimension.FIRST, input_data_format
