"""How ViViT's checkpoints want their films."""

from typing import Any

import numpy as np

from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.video.film_images import rescaled_by_offset
from ...preprocess.video.standard import StandardVideoProcessor


class VivitVideoProcessor(StandardVideoProcessor):
    """Shortest edge of each frame to 256 bilinear, its middle of 224 x 224; pixels are brought to -1..1, then normalised."""

    size: Size = edges(shortest_edge=256)
    rescale_factor: float = 1 / 127.5

    def rescale(self, image: np.ndarray, scale: float, **kwargs: Any) -> np.ndarray:  # type: ignore[override]
        """`image * scale - 1`; see `BaseImageProcessor.rescale`."""
        return rescaled_by_offset(self, image, scale, **kwargs)
