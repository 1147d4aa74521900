"""How Conditional DETR's checkpoints want their images: as DETR's; their predictions have no class that means nothing."""

from typing import ClassVar

from ...preprocess.image.ranked_objects import RankedObjectsMixin
from ..detr.image_processor import DetrImageProcessor


class ConditionalDetrImageProcessor(RankedObjectsMixin, DetrImageProcessor):
    """Shortest edge to 800 bilinear, the longest no longer than 1333."""

    every_class_has_places: ClassVar[bool] = True


ConditionalDetrFeatureExtractor = ConditionalDetrImageProcessor
ConditionalDetrImageProcessorFast = ConditionalDetrImageProcessorPil = ConditionalDetrImageProcessor
