"""Images and masks as SAM and its relatives take them: the longest edge of one size, black below or to the right."""

from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ..batch import BatchFeature, TensorType
from . import transforms
from .base import channel_formats
from .maps import map_list, read_map
from .mask_generation import MaskGenerationMixin
from .pil_backend import Deviation, PilBackend, Size, edges
from .reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, ChannelDimension, PILImageResampling, flat_list, to_array


def longest_edge_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width once the longer edge has this length, the other rounded half up."""
    scale = longest / max(height, width)
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


class PromptImageProcessor(MaskGenerationMixin, PilBackend):
    """Base of image processors that take `segmentation_maps` too, which become `labels`, as large as the masks that the model
    draws, and that tell `original_sizes`, height and width of images as they came."""

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    do_convert_rgb: bool | None = True
    do_resize: bool | None = True
    resample: int | None = PILImageResampling.BILINEAR
    do_rescale: bool | None = True
    do_normalize: bool | None = True
    image_mean: Any = IMAGENET_DEFAULT_MEAN
    image_std: Deviation | None = IMAGENET_DEFAULT_STD
    mask_size: Size | None = None

    def validate(self) -> None:
        super().validate()
        self.mask_size = None if self.mask_size is None else transforms.read_size(self.mask_size, True, "mask_size")

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
        """As `PilBackend.preprocess`; also `labels` (B, y, x) of `segmentation_maps`, one map (Y, X) of classes an image."""
        call = self.with_overrides(overrides)
        _, source_format = channel_formats(data_format, input_data_format)
        arrays = [to_array(x, bool(call.do_convert_rgb), source_format, i) for i, x in enumerate(flat_list(images))]
        options = {"return_tensors": return_tensors, "data_format": data_format, "device": device, **overrides}
        batch = super().preprocess(arrays, input_data_format=ChannelDimension.LAST, **options)
        further: dict[str, Any] = call.told_sizes([image.shape[:2] for image in arrays])
        if segmentation_maps is not None:
            maps = [read_map(each, index) for index, each in enumerate(map_list(segmentation_maps))]
            if len(maps) != len(arrays):
                raise InputError(f"segmentation_maps must be one for each image; found {len(maps)} for {len(arrays)} images")
            further["labels"] = [call.map_steps(each) for each in maps]
        made = BatchFeature(further, return_tensors)
        batch.update(made if device is None or return_tensors is None else made.to(device))
        return batch

    def told_sizes(self, sizes: list[tuple[int, int]]) -> dict[str, list[tuple[int, int]]]:
        """What is told of the heights and widths of images."""
        return {"original_sizes": sizes}

    def map_steps(self, classes: np.ndarray) -> np.ndarray:
        """A map (Y, X) of the size that masks are drawn in, by the nearest pixel; int64."""
        if self.do_resize and self.mask_size is not None:
            size: Any = self.mask_size
            classes = transforms.resize_map(classes, *self.output_size(classes.shape[0], classes.shape[1], size))
        return classes.astype(np.int64)


class PaddedImageProcessor(PromptImageProcessor):
    """Images to `pixel_values`, with `original_sizes` and `reshaped_input_sizes`, height and width before and after resizing;
    maps of classes to `labels`, as large as the masks that the model draws."""

    size: Size | None = edges(longest_edge=1024)
    mask_size: Size | None = edges(longest_edge=256)
    do_pad: bool | None = True
    pad_size: Size | None = edges(height=1024, width=1024)
    mask_pad_size: Size | None = edges(height=256, width=256)

    def validate(self) -> None:
        super().validate()
        if self.mask_pad_size is not None:
            self.mask_pad_size = transforms.exact_size(self.mask_pad_size, "mask_pad_size")

    def output_size(self, height: int, width: int, size: transforms.SizeDict) -> tuple[int, int]:
        longest = size.get("longest_edge")
        if longest is None or "shortest_edge" in size:
            return super().output_size(height, width, size)
        return longest_edge_size(height, width, longest)

    def told_sizes(self, sizes: list[tuple[int, int]]) -> dict[str, list[tuple[int, int]]]:
        to: Any = self.size
        resized = [self.output_size(size[0], size[1], to) if self.do_resize else size for size in sizes]
        return {"original_sizes": sizes, "reshaped_input_sizes": resized}

    def map_steps(self, classes: np.ndarray) -> np.ndarray:
        classes = super().map_steps(classes)
        if self.do_pad and self.mask_pad_size is not None:
            canvas: Any = self.mask_pad_size
            classes = transforms.pad(classes[..., None], canvas["height"], canvas["width"])[..., 0]
        return classes

    def post_process_masks(
        self,
        masks: Any,
        original_sizes: Any,
        reshaped_input_sizes: Any,
        mask_threshold: float = 0.0,
        binarize: bool = True,
        pad_size: Any = None,
    ) -> list[Any]:
        """Masks as a model draws them, (P, M, y, x) for each image, in the size of their images: (P, M, Y, X) each.

        Args:
            original_sizes, reshaped_input_sizes: height and width of each image before and after resizing, as `preprocess`
                gives them. mask_threshold: above it an object is. binarize: give booleans rather than numbers.
            pad_size: what images were padded to, by default the processor's.

        Raises:
            InputError: not one size for each image.
        """
        canvas = transforms.exact_size(self.pad_size if pad_size is None else pad_size, "pad_size")
        return unpadded(masks, original_sizes, reshaped_input_sizes, canvas, mask_threshold, binarize)


def unpadded(
    masks: Any, original_sizes: Any, reshaped_input_sizes: Any, canvas: dict[str, int], threshold: float, binarize: bool
) -> list[Any]:
    """See `PaddedImageProcessor.post_process_masks`; `canvas` has `height` and `width` of padded images."""
    import torch

    whole, inner = sizes_in(original_sizes), sizes_in(reshaped_input_sizes)
    if not len(masks) == len(whole) == len(inner):
        raise InputError(
            f"there are masks of {len(masks)} images, {len(whole)} original_sizes and {len(inner)} reshaped_input_sizes;"
            " expected one of each for each image"
        )
    results = []
    for each, original, reshaped in zip(masks, whole, inner, strict=True):
        mask = torch.as_tensor(each)
        enlarged = enlarge(mask, (canvas["height"], canvas["width"]))[..., : reshaped[0], : reshaped[1]]
        mask = enlarge(enlarged, original)
        results.append(mask > threshold if binarize else mask)
    return results


def enlarge(masks: Any, size: tuple[int, int]) -> Any:
    """Masks (P, M, y, x) of another size, bilinear."""
    import torch

    if masks.dim() != 4:
        raise InputError(f"masks of an image have shape {tuple(masks.shape)}; expected (prompts, masks, height, width)")
    return torch.nn.functional.interpolate(masks, size, mode="bilinear", align_corners=False)


def sizes_in(sizes: Any) -> list[tuple[int, int]]:
    """Heights and widths as pairs of numbers, of a tensor or an array (B, 2), or of pairs."""
    rows = sizes.tolist() if hasattr(sizes, "tolist") else sizes
    return [(int(height), int(width)) for height, width in rows]
