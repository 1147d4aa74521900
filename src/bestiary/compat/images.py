"""What writers of image processors import from `transformers.image_utils`: what an image is, where its channels are, lists."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from ..core.errors import ArgumentError, InputError
from ..core.explicit_enum import ExplicitEnum
from ..core.logging import warn_once
from ..preprocess.batch import is_torch
from ..preprocess.image.reading import IMAGENET_DEFAULT_MEAN as _DEFAULT_MEAN
from ..preprocess.image.reading import IMAGENET_DEFAULT_STD as _DEFAULT_STD
from ..preprocess.image.reading import IMAGENET_STANDARD_MEAN as _STANDARD_MEAN
from ..preprocess.image.reading import IMAGENET_STANDARD_STD as _STANDARD_STD
from ..preprocess.image.reading import OPENAI_CLIP_MEAN as _CLIP_MEAN
from ..preprocess.image.reading import OPENAI_CLIP_STD as _CLIP_STD
from ..preprocess.image.reading import ChannelDimension, is_pil, load_image
from ..preprocess.image.transforms import SizeDict as SizeDict
from ..preprocess.image.transforms import output_size

if TYPE_CHECKING:
    import PIL.Image
    import torch

IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD = list(_DEFAULT_MEAN), list(_DEFAULT_STD)
IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD = list(_STANDARD_MEAN), list(_STANDARD_STD)
OPENAI_CLIP_MEAN, OPENAI_CLIP_STD = list(_CLIP_MEAN), list(_CLIP_STD)


ImageInput = Union[
    "PIL.Image.Image", np.ndarray, "torch.Tensor", list["PIL.Image.Image"], list[np.ndarray], list["torch.Tensor"]
]


class AnnotationFormat(ExplicitEnum):
    """The forms of COCO's annotations."""

    COCO_DETECTION = "coco_detection"
    COCO_PANOPTIC = "coco_panoptic"


class ImageType(ExplicitEnum):
    """What an image may be."""

    PIL = "pillow"
    TORCH = "torch"
    NUMPY = "numpy"


def is_pil_image(img: Any) -> bool:
    """Whether `img` is a Pillow image."""
    return is_pil(img)


def get_image_type(image: Any) -> ImageType:
    """What an image is.

    Raises:
        InputError: no image.
    """
    if is_pil(image):
        return ImageType.PIL
    if is_torch(image):
        return ImageType.TORCH
    if isinstance(image, np.ndarray):
        return ImageType.NUMPY
    raise InputError(f"an image is a Pillow image, an array or a tensor; found {type(image).__name__}")


def is_valid_image(img: Any) -> bool:
    """Whether `img` is a Pillow image, an array or a tensor."""
    return is_pil(img) or is_torch(img) or isinstance(img, np.ndarray)


def is_valid_list_of_images(images: Any) -> bool:
    """Whether these are images, one or more."""
    return bool(len(images)) and all(is_valid_image(image) for image in images)


def valid_images(imgs: Any) -> bool:
    """Whether `imgs` is an image, or lists of images, one or more."""
    if isinstance(imgs, list | tuple):
        return bool(imgs) and all(valid_images(image) for image in imgs)
    return is_valid_image(imgs)


def is_batched(img: Any) -> bool:
    """Whether `img` is a list of images."""
    return isinstance(img, list | tuple) and bool(img) and is_valid_image(img[0])


def is_scaled_image(image: np.ndarray) -> bool:
    """Whether the values of an image lie in 0..1: not those of whole numbers in eight bits."""
    return image.dtype != np.uint8 and bool(np.min(image) >= 0 and np.max(image) <= 1)


def to_numpy_array(img: Any) -> np.ndarray:
    """An image as an array, in the order of its axes.

    Raises:
        InputError: no image.
    """
    get_image_type(img)
    return img.detach().cpu().numpy() if is_torch(img) else np.array(img)


def infer_channel_dimension_format(image: Any, num_channels: int | tuple[int, ...] | None = None) -> ChannelDimension:
    """Where an image of three axes, or a batch or video of four or five, has its channels.

    Args:
        num_channels: the lengths which an axis of channels may have; by default 1 and 3. Where both ends fit it is the first.

    Raises:
        InputError: another number of axes, or neither end fits.
    """
    counts = (1, 3) if num_channels is None else (num_channels,) if isinstance(num_channels, int) else num_channels
    if not (is_torch(image) or isinstance(image, np.ndarray)):
        raise ArgumentError(f"an image with an axis of channels is an array or a tensor; found {type(image).__name__}")
    if image.ndim not in (3, 4, 5):
        raise InputError(f"an image of shape {tuple(image.shape)} has no axis of channels; expected 3, 4 or 5 axes")
    first, last = image.shape[image.ndim - 3], image.shape[-1]
    if first in counts:
        return ChannelDimension.FIRST
    if last in counts:
        return ChannelDimension.LAST
    raise InputError(
        f"an image of shape {tuple(image.shape)} has no axis of {' or '.join(map(str, counts))} channels; name it with"
        " input_data_format"
    )


def get_channel_dimension_axis(image: Any, input_data_format: ChannelDimension | str | None = None) -> int:
    """The number of the axis of channels.

    Raises:
        InputError: it cannot be told, see `infer_channel_dimension_format`. ValueError: an unknown format.
    """
    place = infer_channel_dimension_format(image) if input_data_format is None else ChannelDimension(input_data_format)
    return int(image.ndim) - (3 if place is ChannelDimension.FIRST else 1)


def get_image_size(image: Any, channel_dim: ChannelDimension | str | None = None) -> tuple[int, int]:
    """Height and width in pixels."""
    if is_pil(image):
        return image.height, image.width
    place = infer_channel_dimension_format(image) if channel_dim is None else ChannelDimension(channel_dim)
    height, width = image.shape[-2:] if place is ChannelDimension.FIRST else image.shape[-3:-1]
    return int(height), int(width)


def get_image_size_for_max_height_width(image_size: tuple[int, int], max_height: int, max_width: int) -> tuple[int, int]:
    """Height and width of the largest image of the same proportions within the limits."""
    return output_size(*image_size, {"max_height": max_height, "max_width": max_width})


def max_across_indices(values: Iterable[Any]) -> list[Any]:
    """The largest of the first elements, of the second ones, and so on."""
    return [max(column) for column in zip(*values, strict=True)]


def get_max_height_width(
    images: list[Any], input_data_format: str | ChannelDimension | None = ChannelDimension.FIRST
) -> tuple[int, int]:
    """The largest height and the largest width among images."""
    place = infer_channel_dimension_format(images[0]) if input_data_format is None else ChannelDimension(input_data_format)
    height, width = max_across_indices([get_image_size(image, place) for image in images])
    return height, width


def concatenate_list(input_list: list[Any]) -> Any:
    """Arrays, tensors or lists behind each other."""
    if isinstance(input_list[0], list):
        return [item for part in input_list for item in part]
    if isinstance(input_list[0], np.ndarray):
        return np.concatenate(input_list, axis=0)
    import torch

    return torch.cat(input_list, dim=0)


def make_list_of_images(images: Any, expected_ndims: int = 3) -> list[Any]:
    """An image or a batch of images as a list.

    Args:
        expected_ndims: axes of one image.

    Raises:
        InputError: no image, or another number of axes.
    """
    if is_batched(images):
        return list(images)
    kind = get_image_type(images)
    if kind is ImageType.PIL or images.ndim == expected_ndims:
        return [images]
    if images.ndim == expected_ndims + 1:
        return list(images)
    raise InputError(
        f"images have shape {tuple(images.shape)}; expected {expected_ndims} axes, or {expected_ndims + 1} for a batch"
    )


def _are_lists(images: Any) -> bool:
    """Whether these are lists of images, some of which may be empty."""
    return all(isinstance(part, list | tuple) and (not part or is_valid_list_of_images(part)) for part in images)


def make_flat_list_of_images(images: Any, expected_ndims: int = 3) -> list[Any]:
    """An image, a batch, a list of images or of batches, or lists of lists of images, as one list of images.

    Raises:
        InputError: something else.
    """
    if isinstance(images, list | tuple) and images:
        if all(isinstance(part, list | tuple) for part in images) and all(
            is_valid_list_of_images(part) or not part for part in images
        ):
            return [image for part in images for image in part]
        if is_valid_list_of_images(images):
            if is_pil(images[0]) or images[0].ndim == expected_ndims:
                return list(images)
            if images[0].ndim == expected_ndims + 1:
                return [image for batch in images for image in batch]
    if is_valid_image(images):
        if is_pil(images) or images.ndim == expected_ndims:
            return [images]
        if images.ndim == expected_ndims + 1:
            return list(images)
    raise _no_images(images)


def make_nested_list_of_images(images: Any, expected_ndims: int = 3) -> list[list[Any]]:
    """The same as a list of lists: those given, else one list of all, or a list for each batch.

    Raises:
        InputError: something else.
    """
    if isinstance(images, list | tuple) and images:
        if all(isinstance(part, list | tuple) for part in images) and all(
            is_valid_list_of_images(part) or not part for part in images
        ):
            return [list(part) for part in images]
        if is_valid_list_of_images(images):
            if is_pil(images[0]) or images[0].ndim == expected_ndims:
                return [list(images)]
            if images[0].ndim == expected_ndims + 1:
                return [list(batch) for batch in images]
    if is_valid_image(images):
        if is_pil(images) or images.ndim == expected_ndims:
            return [[images]]
        if images.ndim == expected_ndims + 1:
            return [list(images)]
    raise _no_images(images)


def _no_images(images: Any) -> InputError:
    kind = f"a list of {type(images[0]).__name__}" if isinstance(images, list) and images else type(images).__name__
    return InputError(f"images are a Pillow image, an array, a tensor, a list of these or a list of such lists; found {kind}")


def load_images(images: Any, timeout: float | None = None) -> Any:
    """`load_image` of one image, of each of a list, or of each of lists of them."""
    if isinstance(images, list | tuple):
        return [load_images(image, timeout) for image in images]
    return load_image(images, timeout)


def load_image_as_tensor(image: Any, timeout: float | None = None) -> Any:
    """`load_image` as a tensor (C, Y, X) of whole numbers in eight bits."""
    import torch

    return torch.from_numpy(np.array(load_image(image, timeout))).permute(2, 0, 1).contiguous()


def is_valid_annotation_coco_detection(annotation: Any) -> bool:
    """Whether this is an annotation of COCO's detection: an image_id, and annotations, a list of dictionaries or nothing."""
    return _is_coco(annotation, "annotations")


def is_valid_annotation_coco_panoptic(annotation: Any) -> bool:
    """Whether this is one of COCO's panoptic segmentation: an image_id, a file_name and segments_info."""
    return _is_coco(annotation, "segments_info") and "file_name" in annotation


def _is_coco(annotation: Any, key: str) -> bool:
    if not isinstance(annotation, dict) or "image_id" not in annotation or not isinstance(annotation.get(key), list | tuple):
        return False
    return not annotation[key] or isinstance(annotation[key][0], dict)


def valid_coco_detection_annotations(annotations: Iterable[Any]) -> bool:
    """Whether all of these are annotations of COCO's detection."""
    return all(is_valid_annotation_coco_detection(annotation) for annotation in annotations)


def valid_coco_panoptic_annotations(annotations: Iterable[Any]) -> bool:
    """Whether all of these are annotations of COCO's panoptic segmentation."""
    return all(is_valid_annotation_coco_panoptic(annotation) for annotation in annotations)


def validate_annotations(
    annotation_format: Any, supported_annotation_formats: tuple[Any, ...], annotations: list[dict[str, Any]]
) -> None:
    """Refuse a format that is not among the supported ones, and annotations that are not of it.

    Raises:
        ArgumentError: the format. InputError: the annotations.
    """
    if annotation_format not in supported_annotation_formats:
        raise ArgumentError(f"found the format {annotation_format!r}; expected one of {supported_annotation_formats}")
    checks: dict[Any, tuple[Callable[[Any], bool], str]] = {
        AnnotationFormat.COCO_DETECTION: (valid_coco_detection_annotations, "image_id and annotations"),
        AnnotationFormat.COCO_PANOPTIC: (valid_coco_panoptic_annotations, "image_id, file_name and segments_info"),
    }
    check, needed = checks[annotation_format]
    if not check(annotations):
        raise InputError(
            f"annotations of the format {annotation_format} are dictionaries with {needed}; found {annotations!r:.200}"
        )


def validate_kwargs(valid_processor_keys: list[str], captured_kwargs: list[str]) -> None:
    """Warn of keywords that a processor does not take."""
    unused = sorted(set(captured_kwargs) - set(valid_processor_keys))
    if unused:
        warn_once(
            "unused-keywords", f"{', '.join(unused)}: this processor does not take them; they change nothing", str(unused)
        )


def validate_preprocess_arguments(
    do_rescale: bool | None = None,
    rescale_factor: float | None = None,
    do_normalize: bool | None = None,
    image_mean: float | list[float] | None = None,
    image_std: float | list[float] | None = None,
    do_pad: bool | None = None,
    pad_size: Any = None,
    do_center_crop: bool | None = None,
    crop_size: Any = None,
    do_resize: bool | None = None,
    size: Any = None,
    resample: Any = None,
) -> None:
    """Refuse steps that lack what they need.

    Raises:
        ArgumentError: names the step and what it needs.
    """
    needs: list[tuple[str, bool | None, dict[str, Any]]] = [
        ("do_rescale", do_rescale, {"rescale_factor": rescale_factor}),
        ("do_pad", do_pad, {"pad_size": pad_size}),
        ("do_normalize", do_normalize, {"image_mean": image_mean, "image_std": image_std}),
        ("do_center_crop", do_center_crop, {"crop_size": crop_size}),
        ("do_resize", do_resize, {"size": size, "resample": resample}),
    ]
    for step, wanted, values in needs:
        missing = [name for name, value in values.items() if value is None]
        if wanted and missing:
            raise ArgumentError(f"{step}=True needs {' and '.join(missing)}, found None")
