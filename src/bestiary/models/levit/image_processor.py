"""How LeViT's checkpoints want their images."""

from typing import Any

import numpy as np

from ...preprocess.image import transforms
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class LevitImageProcessor(StandardImageProcessor):
    """The shortest edge 256/224 of `size`, bicubic, then the middle of 224 x 224; ImageNet's statistics."""

    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD

    def resize(  # type: ignore[override]  # the others go on as they come
        self, image: np.ndarray, size: Any, resample: int | None = None, **kwargs: Any
    ) -> np.ndarray:
        to: dict[str, Any] = {**transforms.read_size(size, False)}
        if "shortest_edge" in to:
            to = {"shortest_edge": int(256 / 224 * to["shortest_edge"])}
        return super().resize(image, to, resample, **kwargs)


LevitFeatureExtractor = LevitImageProcessorFast = LevitImageProcessorPil = LevitImageProcessor
