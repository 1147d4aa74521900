"""How MobileViT's checkpoints want their images, and the maps of classes that belong to them: blue comes first."""

from ...preprocess.image.maps import MapImageProcessor
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, PILImageResampling


class MobileViTImageProcessor(MapImageProcessor):
    """The shortest edge 224, bicubic, then the middle of 256 x 256; pixels in 0..1 with their channels turned around."""

    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool = True
    crop_size: Size = edges(height=256, width=256)
    do_normalize: bool | None = None  # type: ignore[assignment]  # published files say nothing of it
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD
    do_flip_channel_order: bool = True


MobileViTFeatureExtractor = MobileViTImageProcessorFast = MobileViTImageProcessorPil = MobileViTImageProcessor
