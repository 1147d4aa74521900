"""How Deformable DETR's checkpoints want their images: as DETR's; their predictions have no class that means nothing."""

from collections.abc import Sequence

from ...preprocess.image.detection import DetectionImageProcessor
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.ranked_objects import RankedObjectsMixin
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD


class DeformableDetrImageProcessor(RankedObjectsMixin, DetectionImageProcessor):
    """Shortest edge to 800 bilinear, the longest no longer than 1333."""

    size: Size = edges(shortest_edge=800, longest_edge=1333)
    default_to_square: bool = False
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD


DeformableDetrFeatureExtractor = DeformableDetrImageProcessor
DeformableDetrImageProcessorFast = DeformableDetrImageProcessorPil = DeformableDetrImageProcessor
