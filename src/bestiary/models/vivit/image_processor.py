"""How ViViT's checkpoints want their films, as image processors have it."""

from typing import Any

import numpy as np

from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.video.film_images import FilmImageProcessor, rescaled_by_offset


class VivitImageProcessor(FilmImageProcessor):
    """Shortest edge of each frame to 256 bilinear, its middle of 224 x 224; pixels are brought to -1..1, then normalised.

    With `offset`, 1 is taken from the rescaled pixels.
    """

    size: Size = edges(shortest_edge=256)
    rescale_factor: float = 1 / 127.5
    offset: bool = True

    def rescale(  # type: ignore[override]  # the published order of the arguments
        self,
        image: np.ndarray,
        scale: float,
        offset: bool | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """`image * scale`, less 1 with `offset`, by default that of the settings; see `BaseImageProcessor.rescale`."""
        if self.offset if offset is None else offset:
            return rescaled_by_offset(self, image, scale, data_format=data_format, input_data_format=input_data_format)
        return super().rescale(image, scale, data_format, input_data_format)
