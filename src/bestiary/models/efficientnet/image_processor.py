"""How EfficientNet's checkpoints want their images."""

from typing import Any

import numpy as np

from ...preprocess.batch import BatchFeature
from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.reading import ChannelDimension, PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class EfficientNetImageProcessor(StandardImageProcessor):
    """346 x 346, bicubic; mean and deviation 0.5.

    With `rescale_offset` 1 is taken away once pixels are rescaled; with `include_top` they are divided by `image_std` once
    more, as those are that a classifier sees.
    """

    size: Size = edges(height=346, width=346)
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool = False
    crop_size: Size = edges(height=289, width=289)
    rescale_offset: bool = False
    include_top: bool = True

    def rescale(  # type: ignore[override]  # the published order of the arguments
        self, image: np.ndarray, scale: float, offset: bool | None = None, **kwargs: Any
    ) -> np.ndarray:
        """`image` times `scale`, less 1 with `offset` (None: as the setting `rescale_offset` says)."""
        rescaled = super().rescale(image, scale, **kwargs)
        return rescaled - 1 if (self.rescale_offset if offset is None else offset) else rescaled

    def _preprocess(self, images: list[np.ndarray], *args: Any, **settings: Any) -> BatchFeature:
        tensors, order = settings.pop("return_tensors", None), settings.pop("data_format", None)
        pixels = super()._preprocess(images, *args, **settings)["pixel_values"]
        if self.include_top:
            pixels = [self.normalize(image, 0.0, self.image_std) for image in pixels]
        if order == ChannelDimension.LAST:
            pixels = [np.ascontiguousarray(image.transpose(1, 2, 0)) for image in pixels]
        return BatchFeature({"pixel_values": pixels}, tensors)


EfficientNetImageProcessorFast = EfficientNetImageProcessorPil = EfficientNetImageProcessor
