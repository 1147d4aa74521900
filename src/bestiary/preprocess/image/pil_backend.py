"""One image processor, driven by its settings; a family names its defaults and nothing else."""

from collections.abc import Sequence
from dataclasses import field, fields
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ConfigError, InputError
from ...core.kinds import Positive
from ...core.logging import warn_once
from ..batch import BatchFeature, TensorType
from . import transforms
from .base import BaseImageProcessor, channel_formats
from .quick_steps import Levels, can_be_scaled_first, scale
from .reading import ChannelDimension, PILImageResampling, flat_list, to_array
from .threads import for_each

Deviation = Positive | Sequence[Positive]
Size = int | Sequence[int] | dict[str, int] | dict[str, int | None]


# Step -> the settings it cannot do without.
NEEDS = {
    "do_resize": ("size", "resample"),
    "do_center_crop": ("crop_size",),
    "do_normalize": ("image_mean", "image_std"),
}


def edges(**lengths: int) -> Any:
    """A size as the default of a field."""
    return field(default_factory=lambda: dict(lengths))


class PilBackend(BaseImageProcessor):
    """Images to `pixel_values`, in this order: RGB, resize, crop the middle, rescale, normalise, flip channels, pad.

    No step is taken unless a subclass or the caller switches it on. Every setting can be overridden per call. `size` holds
    `height` and `width`, `shortest_edge` (and `longest_edge`, its limit), `longest_edge`, or `max_height` and `max_width`;
    `crop_size` and `pad_size` hold `height` and `width`.

    A subclass may override a step (`resize`, `center_crop`, `rescale`, `normalize`, `pad`: they take arrays (C, Y, X)), or all
    of them, `_preprocess`; it says by class attributes what differs of the settings. `needs` names the settings that a step
    cannot do without.

    Example:
        processor = ViTImageProcessor.from_pretrained(folder)
        pixels = processor(images, return_tensors="pt").pixel_values  # (B, C, Y, X)
    """

    layout: ClassVar[str | None] = ChannelDimension.FIRST
    needs: ClassVar[dict[str, tuple[str, ...]]] = NEEDS

    do_convert_rgb: bool | None = None
    do_resize: bool | None = None
    size: Size | None = None
    default_to_square: bool = True
    resample: int | None = None
    do_center_crop: bool | None = None
    crop_size: Size | None = None
    do_rescale: bool | None = None
    rescale_factor: float = 1 / 255
    do_normalize: bool | None = None
    image_mean: float | Sequence[float] | None = None
    image_std: Deviation | None = None
    do_flip_channel_order: bool | None = None
    do_pad: bool | None = None
    pad_size: Size | None = None

    def validate(self) -> None:
        """Bring sizes into one form and refuse values that no step can use, and steps without what they need."""
        super().validate()
        if self.size is not None:
            self.size = transforms.read_size(self.size, self.default_to_square)
        for name in ("crop_size", "pad_size"):
            if self.get(name) is not None:
                setattr(self, name, transforms.exact_size(self.get(name), name))
        for step, needed in self.needs.items():
            missing = [name for name in needed if self.get(name) is None]
            if self.get(step) and missing:
                raise ConfigError(f"{step} needs a {' and a '.join(missing)}")
        if self.resample not in (None, *PILImageResampling):
            raise ConfigError(
                f"resample must be one of {[f'{int(r)} ({r.name})' for r in PILImageResampling]}, not {self.resample!r:.80}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The settings in use as plain JSON types, with the name of the class."""
        values = super().to_dict()
        unset = {f.name for f in fields(self) if f.default is None and values[f.name] is None}
        if self.default_to_square == type(self).default_to_square:
            unset.add("default_to_square")
        kind = type(self).__name__.removesuffix("Pil")  # the published classes of this backend end so, their files do not
        exact = {self.type_key: kind} | ({"resample": int(self.resample)} if self.resample is not None else {})
        return {name: value for name, value in values.items() if name not in unset} | exact

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Names of the options of a call: its own, and every setting."""
        return super().option_names() - {"overrides"} | {"disable_grouping"}

    @property
    def backend(self) -> str:
        """What works on the pixels."""
        return "pil"

    def __call__(self, images: Any, *args: Any, disable_grouping: bool | None = None, **kwargs: Any) -> BatchFeature:
        """The same as `preprocess`. `disable_grouping`, which elsewhere trades speed for memory, changes nothing."""
        return self.preprocess(images, *args, **kwargs)

    def preprocess(
        self,
        images: Any,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """`pixel_values` of one image or of many.

        Args:
            images: Pillow images, arrays or tensors (Y, X), (Y, X, C) or (C, Y, X), nested lists of numbers, paths, bytes,
                base64 or data URLs; one, a batch array, or (nested) lists of them.
            return_tensors: "pt" or "np" stacks them into one tensor (B, C, Y, X); None returns a list of arrays.
            data_format: "channels_first" (the default) or "channels_last" for the result.
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
        settings = {name: call.get(name) for name in self._field_names}
        size: Any = call.size
        if call.do_resize and call._has("process_image", "resize", "_preprocess") and can_be_scaled_first(items):
            sizes = [call.output_size(image.height, image.width, size) for image in items]
            arrays = for_each(lambda image, to: scale(image, to, call.resample), items, sizes)
            settings["do_resize"] = False
        else:
            places = range(len(items))
            arrays = for_each(
                lambda image, place: call.process_image(image, call.do_convert_rgb, source_format, place), items, places
            )
        batch = call._preprocess(
            arrays, **settings, return_tensors=return_tensors, data_format=data_format, input_data_format=source_format
        )
        return batch if device is None else batch.to(device)

    def _has(self, *names: str) -> bool:
        """Whether the steps of these names are those of this class, and not what a subclass does instead."""
        return all(getattr(type(self), name) is getattr(PilBackend, name) for name in names)

    def process_image(
        self,
        image: Any,
        do_convert_rgb: bool | None = None,
        input_data_format: str | None = None,
        index: int = 0,
        **kwargs: Any,
    ) -> np.ndarray:
        """One image, in any form that `preprocess` takes, as an array (C, Y, X); `index` is its place, for messages."""
        return to_array(image, bool(do_convert_rgb), input_data_format, index).transpose(2, 0, 1)

    def _preprocess(
        self,
        images: list[np.ndarray],
        do_resize: bool | None,
        size: transforms.SizeDict | None,
        resample: int | None,
        do_center_crop: bool | None,
        crop_size: transforms.SizeDict | None,
        do_rescale: bool | None,
        rescale_factor: float,
        do_normalize: bool | None,
        image_mean: Any,
        image_std: Any,
        do_pad: bool | None = None,
        pad_size: transforms.SizeDict | None = None,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        do_flip_channel_order: bool | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """All steps on images (C, Y, X), with the settings of one call; `kwargs` are those of subclasses."""

        by_levels = do_rescale and do_normalize and self._has("rescale", "normalize")
        levels = Levels(rescale_factor, image_mean, image_std) if by_levels else None

        def steps(image: np.ndarray) -> np.ndarray:
            if do_resize:
                image = self.resize(image, size, resample=resample)
            if do_center_crop:
                image = self.center_crop(image, crop_size)
            if levels is not None and image.dtype == np.uint8:
                image = levels(image)
            else:
                image = self._leveled(image, rescale_factor if do_rescale else None, do_normalize, image_mean, image_std)
            if do_flip_channel_order:
                image = transforms.flip_channels(image.transpose(1, 2, 0)).transpose(2, 0, 1)
            return image

        pixels = for_each(steps, images)
        features: dict[str, Any] = {}
        if do_pad and "pixel_mask" in self.model_input_names:
            pixels, features["pixel_mask"] = self.pad(pixels, pad_size, return_mask=True)
        elif do_pad:
            pixels = self.pad(pixels, pad_size)
        return BatchFeature({"pixel_values": [_in_order(image, data_format) for image in pixels], **features}, return_tensors)

    def _leveled(self, image: np.ndarray, factor: float | None, normalized: bool | None, mean: Any, std: Any) -> np.ndarray:
        """An image (C, Y, X) rescaled by `factor`, unless that is None, and normalised where that is to be done."""
        if factor is not None:
            _warn_if_rescaled(image)
            image = self.rescale(image, factor)
        return self.normalize(image, mean, std) if normalized else image

    def resize(
        self,
        image: np.ndarray,
        size: Any,
        resample: int | None = None,
        reducing_gap: float | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`image` scaled to `size` by Pillow; the other arguments are those of `rescale`.

        Args:
            resample: the filter, by default bilinear. reducing_gap: see Pillow's `Image.resize`.
        """
        edges = transforms.read_size(size, self.default_to_square)
        kind = PILImageResampling.BILINEAR if resample is None else resample

        def step(pixels: np.ndarray) -> np.ndarray:
            to = self.output_size(pixels.shape[0], pixels.shape[1], edges)
            return transforms.resize(pixels, *to, kind, reducing_gap)

        return self._by_pixels(image, step, data_format, input_data_format)

    def output_size(self, height: int, width: int, size: transforms.SizeDict) -> tuple[int, int]:
        """Height and width that an image of `height` and `width` has once resized to `size`."""
        return transforms.output_size(height, width, size)

    def pad(
        self,
        images: Any,
        pad_size: Any = None,
        fill_value: float = 0,
        padding_mode: str = "constant",
        return_mask: bool = False,
        *,
        return_tensors: str | TensorType | None = None,
        return_pixel_mask: bool | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Images (C, Y, X) brought to the largest height and width among them, or to `pad_size`, below and to the right.

        Args:
            fill_value: what is there with `padding_mode="constant"`; other modes are those of `numpy.pad`.
            return_tensors, return_pixel_mask: ask for a `BatchFeature` of `pixel_values` (B, C, Y, X) and, unless
                `return_pixel_mask=False`, `pixel_mask` (B, Y, X), as releases before 5 gave it.

        Returns:
            A list of arrays, and with `return_mask` also one of masks (Y, X): 1 on real pixels.
        """
        as_batch = return_tensors is not None or return_pixel_mask is not None
        data_format, source_format = channel_formats(data_format, input_data_format)
        source_format = source_format or (None if as_batch else self.layout)
        arrays = [to_array(image, False, source_format, index) for index, image in enumerate(flat_list(images))]
        edges = {"height": max(image.shape[0] for image in arrays), "width": max(image.shape[1] for image in arrays)}
        edges = edges if pad_size is None else transforms.exact_size(pad_size, "pad_size")
        padded = [_in_order(transforms.pad_to(image, edges, fill_value, padding_mode), data_format, False) for image in arrays]
        masks = [transforms.pad(np.ones((*image.shape[:2], 1), np.int64), **edges)[..., 0] for image in arrays]
        if not as_batch:
            return (padded, masks) if return_mask else padded
        features = {"pixel_values": padded} | ({"pixel_mask": masks} if return_pixel_mask is not False else {})
        return BatchFeature(features, return_tensors)


def _in_order(image: np.ndarray, data_format: str | None, is_first: bool = True) -> np.ndarray:
    """An image, whose channels are first or last, with its channels where `data_format` says, by default first."""
    to_first = data_format != ChannelDimension.LAST
    if to_first is not is_first:
        image = image.transpose(2, 0, 1) if to_first else image.transpose(1, 2, 0)
    return np.ascontiguousarray(image)


def _warn_if_rescaled(image: np.ndarray) -> None:
    if image.dtype.kind == "f" and 0 < image.max() <= 1:
        message = (
            "an image of floats in 0..1 is rescaled once more; pass do_rescale=False if it already is what the model expects"
        )
        warn_once("rescaled-twice", message)
