"""How the checkpoints of PVT and PVTv2 want their images: the whole image squeezed into a square."""

from ...preprocess.image.pil_backend import Deviation
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class PvtImageProcessor(StandardImageProcessor):
    """224 x 224 bicubic, ImageNet's statistics."""

    resample: int = PILImageResampling.BICUBIC
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD


PvtImageProcessorFast = PvtImageProcessorPil = PvtImageProcessor
