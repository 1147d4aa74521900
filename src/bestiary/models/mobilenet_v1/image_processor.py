"""How MobileNet's checkpoints want their images: the middle square, pixels in -1..1."""

from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.standard import StandardImageProcessor


class MobileNetV1ImageProcessor(StandardImageProcessor):
    """The shortest edge 256, bilinear, then the middle of 224 x 224; mean and deviation 0.5."""

    size: Size = edges(shortest_edge=256)
    default_to_square: bool = False
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)


MobileNetV1FeatureExtractor = MobileNetV1ImageProcessorFast = MobileNetV1ImageProcessorPil = MobileNetV1ImageProcessor
