"""Image segmentation: a picture to the segments in it, each a mask with its label."""

from inspect import signature
from typing import Any, ClassVar

from ...core.errors import ArgumentError, InputError
from ...core.kinds import fits
from ...preprocess.batch import BatchFeature
from ...preprocess.image.detection import check_threshold
from ..base import Parameters, Pipeline, Result
from ..batching import tensors
from .image_classification import one_of, sized_pixels

__all__ = ["ImageSegmentationPipeline"]

CHECKPOINTS = {"facebook/detr-resnet-50-panoptic": "detr"}
IMPLIED = True
SUBTASKS = ("panoptic", "instance", "semantic")
# What models that draw masks give of a picture, and their image processors read.
_PREDICTED = ("logits", "pred_masks", "class_queries_logits", "masks_queries_logits", "patch_offsets")


class ImageSegmentationPipeline(Pipeline):
    """`[{"score", "label", "mask"}, ...]` for a picture; a mask is a Pillow image of its size, 255 where the segment is.

    Segments of the subtask "semantic" are all places of a class and have no score (None). Inputs are those of image
    classification.

    Keywords of a call:
        subtask: "panoptic", "instance" or "semantic"; by default the first of these that the image processor has.
        threshold: objects with lower scores are left out (0.9). mask_threshold: from this probability a place belongs to a
            mask (0.5). overlap_mask_area_threshold: the part of its mask that an object must keep where others overlap it
            (0.5). These three have no effect on the subtask "semantic".
        timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = (
        "AutoModelForImageSegmentation",
        "AutoModelForSemanticSegmentation",
        "AutoModelForInstanceSegmentation",
        "AutoModelForUniversalSegmentation",
    )

    def _sanitize_parameters(
        self,
        subtask: str | None = None,
        threshold: float | None = None,
        mask_threshold: float | None = None,
        overlap_mask_area_threshold: float | None = None,
        timeout: float | None = None,
    ) -> Parameters:
        after: dict[str, Any] = {} if threshold is None else {"threshold": check_threshold(threshold)}
        limits = {"mask_threshold": mask_threshold, "overlap_mask_area_threshold": overlap_mask_area_threshold}
        for name, value in limits.items():
            if value is not None and not fits(value, float):
                raise ArgumentError(f"{name} is {value!r:.80}; expected a number from 0 to 1")
            after |= {} if value is None else {name: float(value)}
        if subtask is not None:
            self._check_subtask(subtask)
            after["subtask"] = subtask
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
        return {name: output[name] for name in _PREDICTED if output.get(name) is not None} | {"target_size": size}

    def postprocess(
        self,
        model_outputs: Any,
        subtask: str | None = None,
        threshold: float = 0.9,
        mask_threshold: float = 0.5,
        overlap_mask_area_threshold: float = 0.5,
    ) -> list[Result]:
        able = self._subtasks()
        if not able:
            raise InputError(
                f"a {type(self.image_processor).__name__} does not make segments of what a model predicts; pass one that has"
                f" {' or '.join(f'post_process_{each}_segmentation' for each in SUBTASKS)}"
            )
        chosen, outputs, sizes = subtask or able[0], BatchFeature(model_outputs), model_outputs["target_size"].tolist()
        method = getattr(self.image_processor, f"post_process_{chosen}_segmentation")
        if chosen == "semantic":
            segmentation = method(outputs, target_sizes=sizes)[0]
            return [self._segment(segmentation, number, number, None) for number in segmentation.unique().tolist()]
        limits = {
            "threshold": threshold,
            "mask_threshold": mask_threshold,
            "overlap_mask_area_threshold": overlap_mask_area_threshold,
        }
        known = signature(method).parameters  # instances of some image processors have one limit alone
        found = method(outputs, target_sizes=sizes, **{name: each for name, each in limits.items() if name in known})[0]
        return [
            self._segment(found["segmentation"], each["id"], each["label_id"], each["score"]) for each in found["segments_info"]
        ]

    def _subtasks(self) -> list[str]:
        return [each for each in SUBTASKS if hasattr(self.image_processor, f"post_process_{each}_segmentation")]

    def _check_subtask(self, subtask: Any) -> None:
        """Raise `ArgumentError` unless it is one that the image processor can do."""
        if subtask not in SUBTASKS or subtask not in self._subtasks():
            able = ", ".join(self._subtasks()) or "none"
            raise ArgumentError(f"subtask is {subtask!r:.80}; a {type(self.image_processor).__name__} can do these: {able}")

    def _segment(self, segmentation: Any, number: int, label: int, score: float | None) -> Result:
        """The segment of this `number` in a map (Y, X)."""
        from PIL import Image

        mask = (segmentation == number).cpu().numpy().astype("uint8") * 255
        names = self.model.config.id2label
        return Result({"score": score, "label": names.get(label, f"LABEL_{label}"), "mask": Image.fromarray(mask)})


PIPELINE = ImageSegmentationPipeline
