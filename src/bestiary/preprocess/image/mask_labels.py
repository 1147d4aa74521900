"""Images and maps of instances for models that predict a set of masks, MaskFormer's relatives."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, InputError
from ...core.kinds import Count
from ..batch import BatchFeature, TensorType
from . import transforms
from .base import channel_formats
from .instance_masks import InstanceMasksMixin
from .maps import map_list, read_map
from .pil_backend import Deviation, Size, edges
from .reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, ChannelDimension, flat_list, to_array
from .standard import StandardImageProcessor


class InstanceLabels:
    """Maps of instances to masks and classes, by the settings of an image processor.

    Places of a map that are `ignore_index` belong to no mask. Where `reduces_labels`, classes count from 1, and 0 is
    `ignore_index`.
    """

    ignore_index: int | None
    do_resize: Any
    size: Any
    output_size: Any

    @property
    def reduces_labels(self) -> bool:
        """Whether classes in maps count from 1."""
        return self.ignore_index is not None

    def maps_of(
        self, segmentation_maps: Any, tables: Any, arrays: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], list[Mapping[int, int] | None]]:
        """The maps (Y, X) of images (Y, X, C), and of each the table of the classes of its numbers.

        Raises:
            InputError: not one of both for each image, or a map of another size.
        """
        maps = [read_map(each, index) for index, each in enumerate(map_list(segmentation_maps))]
        if len(maps) != len(arrays):
            raise InputError(f"segmentation_maps must be one for each image; found {len(maps)} for {len(arrays)} images")
        for index, (each, array) in enumerate(zip(maps, arrays, strict=True)):
            if each.shape != array.shape[:2]:
                raise InputError(
                    f"segmentation map {index} has {each.shape[0]} x {each.shape[1]} pixels, its image {array.shape[0]} x"
                    f" {array.shape[1]}; expected the same: scale the map to its image, by the nearest pixel"
                )
        return maps, class_tables(tables, len(arrays))

    def resized_map(self, numbers: np.ndarray) -> np.ndarray:
        """A map (Y, X), resized as its image is."""
        if self.reduces_labels and self.ignore_index is not None:
            numbers = np.where(numbers == 0, self.ignore_index, numbers.astype(np.int64) - 1)
        if not self.do_resize:
            return numbers
        return transforms.resize_map(numbers, *self.output_size(*numbers.shape, self.size))

    def instances(self, numbers: np.ndarray, table: Mapping[int, int] | None) -> tuple[np.ndarray, np.ndarray]:
        """The masks (M, Y, X) in such a map (Y, X), and their classes (M,)."""
        present = [number for number in np.unique(numbers).tolist() if number != self.ignore_index]
        masks = np.stack([numbers == number for number in present]) if present else np.zeros((0, *numbers.shape), bool)
        reduced = int(self.reduces_labels)
        missing = [number + reduced for number in present if table is not None and number + reduced not in table]
        if missing:
            raise InputError(f"instance_id_to_semantic_id has no class for {missing[:8]}, which a segmentation map holds")
        labels = present if table is None else [table[number + reduced] - reduced for number in present]
        return masks.astype(np.float32), np.asarray(labels, np.int64)

    def add_labels(
        self, batch: BatchFeature, found: Sequence[tuple[np.ndarray, np.ndarray]], options: Mapping[str, Any]
    ) -> None:
        """Give the batch `mask_labels`, padded as its images are, and `class_labels`; `options` are those of the call."""
        first = options["data_format"] != ChannelDimension.LAST
        shapes = [image.shape[-2:] if first else image.shape[:2] for image in batch["pixel_values"]]
        labels = [
            (np.pad(masks, ((0, 0), *((0, end - now) for end, now in zip(shape, masks.shape[1:], strict=True)))), classes)
            for (masks, classes), shape in zip(found, shapes, strict=True)
        ]
        for name, place in (("mask_labels", 0), ("class_labels", 1)):
            made = [BatchFeature({name: [each[place]]}, options["return_tensors"])[name][0] for each in labels]
            device = options["device"]
            batch[name] = made if device is None else [BatchFeature({name: each}).to(device)[name] for each in made]


class MaskImageProcessor(InstanceLabels, InstanceMasksMixin, StandardImageProcessor):
    """Images to `pixel_values` and `pixel_mask`, maps to `mask_labels` and `class_labels`.

    Edges are rounded up to multiples of `size_divisor`. Places of a map that are `ignore_index` belong to no mask. With
    `do_reduce_labels` classes count from 1, and 0 is `ignore_index`. `num_labels` is kept for the model.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values", "pixel_mask"]
    attribute_map: ClassVar[dict[str, str]] = {"size_divisibility": "size_divisor", "reduce_labels": "do_reduce_labels"}

    size: Size = edges(shortest_edge=800, longest_edge=1333)
    default_to_square: bool = False
    size_divisor: Count = 32
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD
    ignore_index: int | None = None
    do_reduce_labels: bool = False
    num_labels: int | None = None
    do_pad: bool | None = True

    def validate(self) -> None:
        longest = self.__dict__.pop("max_size", None)  # where older files have the limit of the longer edge
        if isinstance(self.size, int):
            self.size = {"shortest_edge": self.size, "longest_edge": longest}
        super().validate()

    def resize(  # type: ignore[override]  # the published order of the arguments
        self, image: np.ndarray, size: Any, size_divisor: int | None = None, resample: int | None = None, **kwargs: Any
    ) -> np.ndarray:
        """As every image processor; edges are multiples of `size_divisor`, by default of the set one."""
        call = self if size_divisor is None else self.with_overrides({"size_divisor": size_divisor})
        return super(MaskImageProcessor, call).resize(image, size, resample, **kwargs)

    def output_size(self, height: int, width: int, size: transforms.SizeDict) -> tuple[int, int]:
        rows, columns = super().output_size(height, width, size)
        step = self.size_divisor or 1
        return -(-rows // step) * step, -(-columns // step) * step

    def preprocess(
        self,
        images: Any,
        segmentation_maps: Any = None,
        instance_id_to_semantic_id: Any = None,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """As every image processor; with `segmentation_maps` also `mask_labels` and `class_labels`, of each image masks
        (M, Y, X) of 0 and 1, of the size of `pixel_values`, and their classes (M,). Padding belongs to no mask.

        Args:
            segmentation_maps: of each image (or of the one) a map of its size, whole numbers, as `maps.read_map` takes them.
            instance_id_to_semantic_id: the class of each number in a map, for all images or a list with one for each; without
                it numbers are classes.

        Raises:
            InputError: maps that are not so, not one for each image, or a number without a class.
            ArgumentError: do_reduce_labels without an ignore_index.
        """
        call = self.with_overrides(overrides)
        options = {"return_tensors": return_tensors, "data_format": data_format, "device": device, **overrides}
        if segmentation_maps is None:
            return super().preprocess(images, input_data_format=input_data_format, **options)
        _, source_format = channel_formats(None, input_data_format)
        arrays = [to_array(x, bool(call.do_convert_rgb), source_format, i) for i, x in enumerate(flat_list(images))]
        maps, classes = call.maps_of(segmentation_maps, instance_id_to_semantic_id, arrays)
        batch = super().preprocess(arrays, input_data_format=ChannelDimension.LAST, **options)
        found = [call.instances(call.resized_map(each), table) for each, table in zip(maps, classes, strict=True)]
        call.add_labels(batch, found, options)
        return batch

    @property
    def reduces_labels(self) -> bool:
        if self.do_reduce_labels and self.ignore_index is None:
            raise ArgumentError("do_reduce_labels makes 0 the label that is ignored; say which that is by ignore_index")
        return self.do_reduce_labels


def class_tables(tables: Any, count: int) -> list[Mapping[int, int] | None]:
    """The table of classes of each of `count` images.

    Raises:
        InputError: neither one table nor one for each image.
    """
    listed = [tables] * count if tables is None or isinstance(tables, Mapping) else list(tables)
    if len(listed) != count or not all(each is None or isinstance(each, Mapping) for each in listed):
        raise InputError(
            f"instance_id_to_semantic_id must be a dictionary, or a list of one for each image; found {len(listed)} for {count}"
            " images"
        )
    return listed
