"""How Swin2SR's checkpoints want their images: mirrored beyond the lower and the right edge, pixels from 0 to 1."""

from typing import Any

import numpy as np

from ...core.kinds import Size as Edge
from ...preprocess.image.pil_backend import PilBackend


class Swin2SRImageProcessor(PilBackend):
    """Rescaled, and mirrored up to the next multiples of `size_divisor`: a whole one more where the edge is one already."""

    do_rescale: bool = True
    do_pad: bool | None = True
    size_divisor: Edge = 8

    def validate(self) -> None:
        if isinstance(self.pad_size, int):  # as files of earlier releases call it
            self.size_divisor, self.pad_size = self.pad_size, None
        super().validate()

    def pad(self, images: Any, pad_size: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Images (C, Y, X) mirrored as the class says; to a `pad_size` as elsewhere."""
        if pad_size is not None:
            return super().pad(images, pad_size, *args, **kwargs)
        return [mirrored(image, self.size_divisor) for image in images]


def mirrored(image: np.ndarray, divisor: int) -> np.ndarray:
    """`image` (C, Y, X) continued below and to the right by its mirror, up to the next larger multiples of `divisor`."""
    ends = [(0, 0), *((0, divisor - edge % divisor) for edge in image.shape[1:])]
    return np.pad(image, ends, mode="symmetric")


Swin2SRImageProcessorFast = Swin2SRImageProcessorPil = Swin2SRImageProcessor
