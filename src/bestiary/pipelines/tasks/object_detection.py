"""Object detection: a picture to the objects in it, with a box around each."""

from typing import Any, ClassVar

from ...preprocess.batch import BatchFeature
from ...preprocess.image.detection import check_threshold
from ..base import Parameters, Pipeline, Result
from ..batching import tensors
from .image_classification import one_of, sized_pixels

__all__ = ["ObjectDetectionPipeline"]

CHECKPOINTS = {"facebook/detr-resnet-50": "detr"}
IMPLIED = True
SIDES = ("xmin", "ymin", "xmax", "ymax")


class ObjectDetectionPipeline(Pipeline):
    """`[{"score", "label", "box"}, ...]` for a picture; a box holds `xmin`, `ymin`, `xmax` and `ymax` in its pixels.

    Inputs are those of image classification.

    Keywords of a call:
        threshold: objects with lower scores are left out (0.5). timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForObjectDetection",)

    def _sanitize_parameters(self, threshold: float | None = None, timeout: float | None = None) -> Parameters:
        after = {} if threshold is None else {"threshold": check_threshold(threshold)}
        return {} if timeout is None else {"timeout": timeout}, {}, after

    def __call__(self, inputs: Any = None, *, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, images=images), **parameters)

    def preprocess(self, input_: Any, timeout: float | None = None) -> Any:
        return sized_pixels(self, input_, timeout)

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        size = inputs.pop("target_size")
        output = self.model(**inputs)
        return {"logits": output.logits, "pred_boxes": output.pred_boxes, "target_size": size}

    def postprocess(self, model_outputs: Any, threshold: float = 0.5) -> list[Result]:
        sizes = model_outputs["target_size"]
        objects = self.image_processor.post_process_object_detection(BatchFeature(model_outputs), threshold, sizes)[0]
        names = self.model.config.id2label
        return [
            Result({"score": score, "label": names.get(label, f"LABEL_{label}"), "box": dict(zip(SIDES, box, strict=True))})
            for score, label, box in zip(
                objects["scores"].tolist(), objects["labels"].tolist(), objects["boxes"].int().tolist(), strict=True
            )
        ]


PIPELINE = ObjectDetectionPipeline
