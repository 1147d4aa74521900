"""How EoMT's checkpoints want their images, and the maps of instances that belong to them."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...preprocess.batch import BatchFeature, TensorType
from ...preprocess.image.base import channel_formats
from ...preprocess.image.mask_labels import InstanceLabels
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, ChannelDimension, flat_list, to_array
from ...preprocess.image.standard import StandardImageProcessor
from .maps import EomtMapsMixin, cuts, edges_of


class EomtImageProcessor(InstanceLabels, EomtMapsMixin, StandardImageProcessor):
    """Images to `pixel_values`: shortest edge to 640 bilinear, the longest no longer than that, ImageNet's statistics.

    With `do_pad` images are black below and to the right, up to `size`. With `do_split_image` each is cut along its longer edge
    into pieces as long as the shortest, and `patch_offsets` tells of each piece the number of its image, its first place and
    the one behind its last. Maps give `mask_labels` and `class_labels`, of each image or piece; with an `ignore_index` classes
    count from 1, and 0 is `ignore_index`.
    """

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    size: Size = edges(shortest_edge=640, longest_edge=640)
    default_to_square: bool = False
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD
    do_pad: bool | None = False
    do_split_image: bool = False
    ignore_index: int | None = None

    def _preprocess(self, images: list[np.ndarray], **settings: Any) -> BatchFeature:  # type: ignore[override]
        if settings["do_resize"]:
            images = [self.resize(image, settings["size"], resample=settings["resample"]) for image in images]
        offsets: list[Sequence[int]] = []
        if settings["do_split_image"]:
            side = min(edges_of(settings["size"]))
            places = [cuts(image.shape[1], image.shape[2], side) for image in images]
            offsets = [(number, *place) for number, each in enumerate(places) for place in each]
            images = [piece_of(images[number], start, stop) for number, start, stop in offsets]
        if settings["do_pad"]:
            images = [padded(image, edges_of(settings["size"])) for image in images]
        batch = super()._preprocess(images, **settings | {"do_resize": False, "do_pad": False})
        batch["patch_offsets"] = [BatchFeature({"place": each}, TensorType.PYTORCH)["place"] for each in offsets]
        return batch

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
        """As every image processor; with `segmentation_maps` also `mask_labels` and `class_labels`, of each image (or piece)
        masks (M, Y, X) of 0 and 1, of the size of `pixel_values`, and their classes (M,). Padding belongs to no mask.

        Args:
            segmentation_maps: of each image (or of the one) a map of its size, whole numbers.
            instance_id_to_semantic_id: the class of each number in a map, for all images or a list with one for each; without
                it numbers are classes.

        Raises:
            InputError: maps that are not so, not one for each image, or a number without a class.
        """
        call = self.with_overrides(overrides)
        options = {"return_tensors": return_tensors, "data_format": data_format, "device": device, **overrides}
        if segmentation_maps is None:
            return super().preprocess(images, input_data_format=input_data_format, **options)
        _, source_format = channel_formats(None, input_data_format)
        arrays = [to_array(x, bool(call.do_convert_rgb), source_format, i) for i, x in enumerate(flat_list(images))]
        maps, classes = call.maps_of(segmentation_maps, instance_id_to_semantic_id, arrays)
        batch = super().preprocess(arrays, input_data_format=ChannelDimension.LAST, **options)
        numbers = [call.resized_map(each) for each in maps]
        if call.do_split_image:
            places = [tuple(each.tolist()) for each in batch["patch_offsets"]]
            numbers = [piece_of(numbers[image], start, stop) for image, start, stop in places]
            classes = [classes[image] for image, _, _ in places]
        call.add_labels(batch, [call.instances(*each) for each in zip(numbers, classes, strict=True)], options)
        return batch


def piece_of(image: np.ndarray, start: int, stop: int) -> np.ndarray:
    """From `start` to `stop` along the longer edge of an image (..., Y, X)."""
    return image[..., start:stop, :] if image.shape[-2] > image.shape[-1] else image[..., start:stop]


def padded(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image (C, Y, X) with zeros below and to the right, up to this height and width."""
    height, width = (max(wanted - now, 0) for wanted, now in zip(size, image.shape[1:], strict=True))
    return np.pad(image, ((0, 0), (0, height), (0, width)))


EomtImageProcessorFast = EomtImageProcessorPil = EomtImageProcessor
