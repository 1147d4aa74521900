"""The processor of models that segment on demand and see every image as a square, SAM 2's relatives."""

from typing import Any, ClassVar

import numpy as np

from ..core.errors import InputError
from .batch import BatchFeature, TensorType
from .promptable import PromptProcessor
from .prompts import Sizes


class SquarePromptProcessor(PromptProcessor):
    """As `PromptProcessor`, but that the edges of images are resized each by itself, and images may ask for different numbers
    of masks: what an image lacks is `point_pad_value`. Prompts are torch tensors.

    Settings: `target_size`, the edge of resized images in pixels (None: the image processor's), and `point_pad_value`.
    """

    settings: ClassVar[dict[str, Any]] = {"target_size": None, "point_pad_value": -10}
    uneven = True

    @property
    def target_size(self) -> int:
        """The edge of resized images, in pixels."""
        return int(self.stored["target_size"] or self.image_processor.size["height"])

    @property
    def point_pad_value(self) -> int:  # type: ignore[override]  # a setting here
        """What stands where there is no point."""
        return int(self.stored["point_pad_value"])

    def resized(self, sizes: Sizes) -> Sizes:
        return [(self.target_size, self.target_size)] * len(sizes)

    def __call__(  # type: ignore[override]  # sizes in the place of texts
        self,
        images: Any = None,
        segmentation_maps: Any = None,
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        original_sizes: Any = None,
        return_tensors: str | TensorType | None = None,
        **options: Any,
    ) -> BatchFeature:
        """Args:
            images: as the image processor takes them. segmentation_maps: one map an image. input_points, input_labels,
                input_boxes: as of `PromptProcessor`.
            original_sizes: height and width of each image, where there are prompts for images that were processed before.
            return_tensors, **options: those of the image processor.

        Raises:
            InputError: neither images nor sizes; prompts that do not fit the images or each other.
        """
        if images is None and original_sizes is None:
            raise InputError(f"{type(self).__name__} needs images, or the original_sizes of those that prompts are for")
        routed = self._route({**options, "return_tensors": return_tensors})["image_processor"]
        if images is None:
            batch = BatchFeature({"original_sizes": original_sizes}, return_tensors)
        else:
            batch = self.pixels(images, segmentation_maps, routed)
        made = self.prompts(batch["original_sizes"], input_points, input_labels, input_boxes)
        prompts = BatchFeature({name: in_float32(each) for name, each in made.items()}, TensorType.PYTORCH)
        batch.update(prompts if routed.get("device") is None else prompts.to(routed["device"]))
        return batch

    def post_process_masks(
        self,
        masks: Any,
        original_sizes: Any,
        mask_threshold: float = 0.0,
        binarize: bool = True,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        apply_non_overlapping_constraints: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """See the image processor."""
        areas = {"max_hole_area": max_hole_area, "max_sprinkle_area": max_sprinkle_area}
        apart = {"apply_non_overlapping_constraints": apply_non_overlapping_constraints}
        return super().post_process_masks(masks, original_sizes, mask_threshold, binarize, **areas, **apart, **kwargs)


def in_float32(array: np.ndarray) -> np.ndarray:
    """Places in fp32, whole numbers as they are."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array
