"""How MobileNet V2's checkpoints want their images, and the maps of classes that belong to them."""

from ...preprocess.image.maps import MapImageProcessor
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD


class MobileNetV2ImageProcessor(MapImageProcessor):
    """The shortest edge 256, bilinear, then the middle of 224 x 224; mean and deviation 0.5."""

    size: Size = edges(shortest_edge=256)
    default_to_square: bool = False
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD


MobileNetV2FeatureExtractor = MobileNetV2ImageProcessorFast = MobileNetV2ImageProcessorPil = MobileNetV2ImageProcessor
