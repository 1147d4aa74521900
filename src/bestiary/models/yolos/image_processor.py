"""How YOLOS' checkpoints want their images: as DETR's, edges cut down to multiples of 16."""

from collections.abc import Sequence

from ...preprocess.image import transforms
from ...preprocess.image.detection import DetectionImageProcessor
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

MULTIPLE = 16


class YolosImageProcessor(DetectionImageProcessor):
    """Shortest edge to 800 bilinear, the longest no longer than 1333, both then cut down to multiples of 16."""

    size: Size = edges(shortest_edge=800, longest_edge=1333)
    default_to_square: bool = False
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD

    def output_size(self, height: int, width: int, size: transforms.SizeDict) -> tuple[int, int]:
        to = super().output_size(height, width, size)
        if "shortest_edge" not in size:
            return to
        return max(to[0] // MULTIPLE, 1) * MULTIPLE, max(to[1] // MULTIPLE, 1) * MULTIPLE


YolosFeatureExtractor = YolosImageProcessorFast = YolosImageProcessorPil = YolosImageProcessor
