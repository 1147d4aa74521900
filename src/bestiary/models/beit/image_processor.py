"""How BEiT's checkpoints want their images, and the maps of classes that belong to them."""

from ...preprocess.image.maps import MapImageProcessor
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, PILImageResampling


class BeitImageProcessor(MapImageProcessor):
    """224 x 224 bicubic, mean and deviation 0.5."""

    size: Size = edges(height=224, width=224)
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool = False
    crop_size: Size = edges(height=224, width=224)
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD


BeitFeatureExtractor = BeitImageProcessorFast = BeitImageProcessorPil = BeitImageProcessor
