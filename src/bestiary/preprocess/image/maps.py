"""Images and maps that say the class of each pixel, for models that label all of them."""

from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ...core.logging import warn_once
from ..batch import BatchFeature, TensorType, is_torch, to_numpy
from . import transforms
from .base import channel_formats
from .pil_backend import Deviation, Size, edges
from .reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, ChannelDimension, flat_list, is_pil, to_array
from .segmentation import Sizes, resized, sizes_of
from .standard import StandardImageProcessor


class SemanticMapMixin:
    """Logits of classes to maps of them."""

    def post_process_semantic_segmentation(
        self, outputs: Any, target_sizes: Sizes = None, return_segmentation_scores: bool = False
    ) -> list[Any]:
        """The class at each place, (Y, X) for each image, of the sizes in `target_sizes`, else those of the logits.

        Args:
            outputs: a model's, with `logits` (B, N, y, x). target_sizes: height and width of each image.
            return_segmentation_scores: give `segmentation`, that map, with `segmentation_scores` (N, Y, X), the logits.

        Raises:
            InputError: not one size for each image.
        """
        logits = outputs.logits
        rows = [resized(row, size) for row, size in zip(logits, sizes_of(target_sizes, len(logits)), strict=True)]
        if not return_segmentation_scores:
            return [row.argmax(0) for row in rows]
        return [BatchFeature({"segmentation": row.argmax(0), "segmentation_scores": row}) for row in rows]


class MapImageProcessor(SemanticMapMixin, StandardImageProcessor):
    """Images to `pixel_values`, their maps of classes to `labels`.

    With `do_reduce_labels` the classes of maps count from 1, and 0, what belongs to none, becomes 255.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    size: Size = edges(height=512, width=512)
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD
    do_reduce_labels: bool = False

    def preprocess(
        self,
        images: Any,
        segmentation_maps: Any = None,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """As every image processor; with `segmentation_maps` also `labels` (B, Y, X), of the size of `pixel_values`.

        Args:
            segmentation_maps: of each image (or of the one) a map of its size, whole numbers: a Pillow image of one channel
                (of palettes the indices), an array (Y, X), (1, Y, X) or (Y, X, 1), a tensor.

        Raises:
            InputError: maps that are not so, or not one for each image.
        """
        call = self.with_overrides(overrides)
        options = {"return_tensors": return_tensors, "data_format": data_format, "device": device, **overrides}
        if segmentation_maps is None:
            return super().preprocess(images, input_data_format=input_data_format, **options)
        _, source_format = channel_formats(None, input_data_format)
        arrays = [to_array(x, bool(call.do_convert_rgb), source_format, i) for i, x in enumerate(flat_list(images))]
        maps = [read_map(each, index) for index, each in enumerate(map_list(segmentation_maps))]
        if len(maps) != len(arrays):
            raise InputError(f"segmentation_maps must be one for each image; found {len(maps)} for {len(arrays)} images")
        batch = super().preprocess(arrays, input_data_format=ChannelDimension.LAST, **options)
        labels = [call.map_steps(each) for each in maps]
        shapes = [
            image.shape[-2:] if data_format != ChannelDimension.LAST else image.shape[:2] for image in batch["pixel_values"]
        ]
        for index, (each, array, label, shape) in enumerate(zip(maps, arrays, labels, shapes, strict=True)):
            if label.shape != tuple(shape):
                raise InputError(
                    f"segmentation map {index} has {each.shape[0]} x {each.shape[1]} pixels, its image {array.shape[0]} x"
                    f" {array.shape[1]}; expected the same: scale the map to its image, by the nearest pixel"
                )
            if each.shape != array.shape[:2]:
                warn_once(
                    "map-of-another-size",
                    f"segmentation map {index} has {each.shape[0]} x {each.shape[1]} pixels, its image {array.shape[0]} x"
                    f" {array.shape[1]}; it is taken to show the same",
                )
        made = BatchFeature({"labels": labels}, return_tensors)
        batch["labels"] = made["labels"] if device is None else made.to(device)["labels"]
        return batch

    def map_steps(self, classes: np.ndarray) -> np.ndarray:
        """What the steps that move pixels make of a map (Y, X), by the nearest pixel; int64."""
        if self.do_reduce_labels:
            classes = reduce_labels(classes)
        if self.do_resize:
            size: Any = self.size
            height, width = classes.shape
            classes = transforms.resize_map(classes, *self.output_size(height, width, size))
        if self.do_center_crop:
            crop: Any = self.crop_size
            classes = transforms.center_crop(classes[..., None], crop["height"], crop["width"])[..., 0]
        return classes.astype(np.int64)


def map_list(maps: Any) -> list[Any]:
    """One map, a batch array (B, Y, X), or (nested) lists of maps as a list of single ones."""
    if (isinstance(maps, np.ndarray) or is_torch(maps)) and maps.ndim == 3 and 1 not in (maps.shape[0], maps.shape[2]):
        return list(maps)
    return flat_list(maps)


def read_map(value: Any, index: int = 0) -> np.ndarray:
    """A map of classes as an array (Y, X) of whole numbers; `index` is its place, for messages.

    Raises:
        InputError: what it is instead.
    """
    if is_pil(value):
        array = np.asarray(value)
    elif isinstance(value, np.ndarray) or is_torch(value):
        array = to_numpy(value, f"segmentation map {index}") if is_torch(value) else value
    else:
        array = to_array(value, False, None, index)
    array = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    array = array[0] if array.ndim == 3 and array.shape[0] == 1 else array
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"segmentation map {index} has shape {array.shape}; expected (height, width), the number of a class for each pixel"
        )
    if array.dtype.kind == "f" and (array == np.trunc(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "uib" or array.min() < -(2**31) or array.max() >= 2**31:
        raise InputError(f"segmentation map {index} holds {array.dtype} from {array.min()} to {array.max()}; expected classes")
    return array


def reduce_labels(classes: np.ndarray) -> np.ndarray:
    """Classes that count from 1 counted from 0; 0, and what was 255, are 255."""
    reduced = classes.astype(np.int64) - 1
    return np.where((classes == 0) | (reduced == 254), 255, reduced)
