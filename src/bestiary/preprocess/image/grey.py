"""Images in which all three channels are the same grey."""

from typing import Any

import numpy as np

from ..batch import BatchFeature
from .pil_backend import PilBackend
from .reading import ChannelDimension

WEIGHTS = (0.2989, 0.5870, 0.1140)  # of red, green and blue


def grey(image: np.ndarray) -> np.ndarray:
    """An image (3, Y, X) as floats, each channel the brightness; one whose channels are the same, or not three, stays."""
    if len(image) != 3 or (np.array_equal(image[0], image[1]) and np.array_equal(image[1], image[2])):
        return image
    brightness = sum(weight * channel for weight, channel in zip(WEIGHTS, image, strict=True))
    return np.repeat(np.asarray(brightness)[None], 3, axis=0)


class GreyBackend(PilBackend):
    """Base of the image processors of models that look at brightness: with `do_grayscale` all channels are that."""

    do_grayscale: bool = False

    def _preprocess(self, images: list[np.ndarray], *args: Any, return_tensors: Any = None, **settings: Any) -> BatchFeature:
        data_format = settings.pop("data_format", None)
        pixels = super()._preprocess(images, *args, **settings)["pixel_values"]
        pixels = [grey(each) for each in pixels] if settings["do_grayscale"] else pixels
        if data_format == ChannelDimension.LAST:
            pixels = [np.ascontiguousarray(each.transpose(1, 2, 0)) for each in pixels]
        return BatchFeature({"pixel_values": pixels}, return_tensors)
