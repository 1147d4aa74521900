"""Steps of image processors that give the same pixels sooner, where nothing but the usual steps is to be done."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import transforms
from .reading import PILImageResampling, is_pil


def can_be_scaled_first(images: Sequence[Any]) -> bool:
    """Whether all are Pillow images in RGB without transparency, whose arrays would hold just their pixels."""
    return all(is_pil(each) and each.mode == "RGB" and not each.has_transparency_data and 0 not in each.size for each in images)


def scale(image: Any, to: tuple[int, int], resample: int | None) -> np.ndarray:
    """A Pillow image in RGB, scaled to this height and width before it becomes an array (3, Y, X)."""
    kind = PILImageResampling.BILINEAR if resample is None else resample
    return np.asarray(image.resize((to[1], to[0]), resample=kind)).transpose(2, 0, 1)


class Levels:
    """Rescaling and normalising of eight bits by tables: each level of each channel is computed once.

    Args:
        scale: what images are multiplied by. mean, std: see `transforms.normalize`.
    """

    def __init__(self, scale: float, mean: Any, std: Any) -> None:
        self.compute: Callable[[np.ndarray], np.ndarray] = lambda levels: transforms.normalize(
            transforms.rescale(levels, scale), mean, std
        )
        self.tables: dict[int, np.ndarray] = {}

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """An image (C, Y, X) of eight bits -> the same in fp32."""
        channels = len(image)
        if channels not in self.tables:
            levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(channels, axis=2)
            self.tables[channels] = self.compute(levels)[0].T.copy()
        pixels = np.empty(image.shape, np.float32)
        for table, channel, out in zip(self.tables[channels], image, pixels, strict=True):
            table.take(channel, out=out, mode="clip")
        return pixels
