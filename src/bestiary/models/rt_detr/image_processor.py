"""How RT-DETR's checkpoints want their images: 640 x 640, levels from 0 to 1."""

from collections.abc import Sequence
from typing import Any

from ...preprocess.image.detection import DetectionImageProcessor, objects_above
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.ranked_objects import likeliest
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD


class RTDetrImageProcessor(DetectionImageProcessor):
    """640 x 640 bilinear; nothing is padded, and colours are not normalised."""

    size: Size = edges(height=640, width=640)
    do_normalize: bool = False
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD
    do_pad: bool | None = False

    def post_process_object_detection(
        self, outputs: Any, threshold: float = 0.5, target_sizes: Any = None, use_focal_loss: bool = True
    ) -> list[dict[str, Any]]:
        """As `DetectionImageProcessor.post_process_object_detection`, of as many pairs of query and class as there are queries.

        Without `use_focal_loss` the last class of the logits means nothing, and every query has its likeliest other class.
        """
        if not use_focal_loss:
            return super().post_process_object_detection(outputs, threshold, target_sizes)
        scores, labels, boxes = likeliest(outputs.logits, outputs.pred_boxes, outputs.logits.shape[1])
        return objects_above(threshold, scores, labels, boxes, target_sizes)


RTDetrImageProcessorFast = RTDetrImageProcessorPil = RTDetrImageProcessor
