"""The usual settings of video processors: the middle of every frame, 224 x 224, in -1..1."""

from collections.abc import Sequence
from typing import ClassVar

from ..image.pil_backend import Deviation, Size, edges
from ..image.reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, PILImageResampling
from .base import BaseVideoProcessor


class StandardVideoProcessor(BaseVideoProcessor):
    """Frames whose shortest edge is resized bilinear, their middle, rescaled and normalised; a family says what differs."""

    model_input_names: ClassVar[list[str]] = ["pixel_values"]

    do_convert_rgb: bool | None = True
    do_resize: bool = True
    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    resample: int = PILImageResampling.BILINEAR
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)
    do_rescale: bool = True
    do_normalize: bool = True
    image_mean: float | Sequence[float] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD
    do_sample_frames: bool | None = False
