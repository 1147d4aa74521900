"""The usual settings of image processors: resized to 224 x 224, in -1..1."""

from collections.abc import Sequence

from .pil_backend import Deviation, PilBackend, Size, edges
from .reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, PILImageResampling


class StandardImageProcessor(PilBackend):
    """Images are resized bilinear, rescaled and normalised; a family says what differs."""

    do_resize: bool = True
    size: Size = edges(height=224, width=224)
    resample: int = PILImageResampling.BILINEAR
    do_rescale: bool = True
    do_normalize: bool = True
    image_mean: float | Sequence[float] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD
