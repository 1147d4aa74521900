"""How DPT's checkpoints want their images, and the maps of classes that belong to them."""

import numpy as np

from ...preprocess.image.depth import DepthMixin
from ...preprocess.image.maps import MapImageProcessor
from ...preprocess.image.multiples import MultiplesImageProcessor
from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD, PILImageResampling


class DPTImageProcessor(DepthMixin, MultiplesImageProcessor, MapImageProcessor):
    """384 x 384 bicubic, mean and deviation 0.5."""

    size: Size = edges(height=384, width=384)
    resample: int = PILImageResampling.BICUBIC
    image_mean: float | list[float] | tuple[float, ...] = IMAGENET_STANDARD_MEAN
    image_std: Deviation = IMAGENET_STANDARD_STD
    do_pad: bool | None = False
    do_reduce_labels: bool | None = None  # type: ignore[assignment]

    def map_steps(self, classes: np.ndarray) -> np.ndarray:
        """As of every processor of maps; padding is 0."""
        steps = super().map_steps(classes)
        return self.pad_image(steps[None])[0] if self.do_pad and self.size_divisor else steps


DPTFeatureExtractor = DPTImageProcessorFast = DPTImageProcessorPil = DPTImageProcessor
