"""How PoolFormer's checkpoints want their images: enlarged so that the middle is a known part of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.kinds import Positive
from ...preprocess.image import transforms
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class PoolFormerImageProcessor(StandardImageProcessor):
    """Resized to `size` divided by `crop_pct`, bicubic, then the middle of 224 x 224; ImageNet's statistics."""

    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    resample: int = PILImageResampling.BICUBIC
    crop_pct: Positive | None = 0.9
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD

    def resize(  # type: ignore[override]  # the published order of the arguments
        self, image: np.ndarray, size: Any, resample: int | None = None, crop_pct: float | None = None, **kwargs: Any
    ) -> np.ndarray:
        wanted: Any = transforms.read_size(size, False)
        share = crop_pct or self.crop_pct
        if share is not None:
            wanted = {name: int(edge / share) for name, edge in wanted.items() if edge is not None}
            if "height" in wanted and wanted["height"] == wanted.get("width"):
                wanted = {"shortest_edge": wanted["height"]}
        return super().resize(image, wanted, resample, **kwargs)


PoolFormerFeatureExtractor = PoolFormerImageProcessorFast = PoolFormerImageProcessorPil = PoolFormerImageProcessor
