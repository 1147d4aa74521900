"""How DINOv3's checkpoints want their images: scaled once they are floats, so that nothing is rounded to eight bits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...preprocess.batch import BatchFeature
from ...preprocess.image import transforms
from ...preprocess.image.pil_backend import Deviation
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from ...preprocess.image.standard import StandardImageProcessor


class DINOv3ViTImageProcessor(StandardImageProcessor):
    """Rescaled, then 224 x 224 bilinear; ImageNet's statistics."""

    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD

    def _preprocess(self, images: list[np.ndarray], **settings: Any) -> BatchFeature:  # type: ignore[override]
        if settings["do_rescale"] and settings["do_resize"]:
            images = [self._scaled(self.rescale(image, settings["rescale_factor"]), settings) for image in images]
            settings |= {"do_rescale": False, "do_resize": False}
        return super()._preprocess(images, **settings)

    def _scaled(self, image: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
        height, width = self.output_size(image.shape[1], image.shape[2], settings["size"])
        return transforms.resize_floats(image.transpose(1, 2, 0), height, width, settings["resample"]).transpose(2, 0, 1)


DINOv3ViTImageProcessorFast = DINOv3ViTImageProcessor
