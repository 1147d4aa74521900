"""Images of which small ones are cropped and large ones squeezed, as ConvNeXt and many after it want them (Liu et al. 2022)."""

from typing import Any

import numpy as np

from ...core.errors import ConfigError
from ...core.kinds import Positive
from . import transforms
from .pil_backend import Size, edges
from .reading import PILImageResampling
from .standard import StandardImageProcessor

WHOLE = 384  # from this size on, images are squeezed instead of cropped


class CropPctImageProcessor(StandardImageProcessor):
    """A square of `size["shortest_edge"]` pixels a side.

    Below 384 it is the middle `crop_pct` of the image, whose shortest edge was resized; else the whole image, squeezed.
    """

    size: Size = edges(shortest_edge=384)
    default_to_square: bool = False
    resample: int = PILImageResampling.BICUBIC
    crop_pct: Positive = 224 / 256

    def validate(self) -> None:
        super().validate()
        if self.do_resize and "shortest_edge" not in transforms.read_size(self.size, False):
            raise ConfigError(f"{type(self).__name__}: size must have shortest_edge, not {self.size}")

    def resize(  # type: ignore[override]  # the published order of the arguments
        self, image: np.ndarray, size: Any, resample: int | None = None, crop_pct: float | None = None, **kwargs: Any
    ) -> np.ndarray:
        edge = transforms.read_size(size, False)["shortest_edge"]
        if edge >= WHOLE:
            return super().resize(image, {"height": edge, "width": edge}, resample, **kwargs)
        longer = {"shortest_edge": int(edge / (crop_pct or self.crop_pct))}
        resized = super().resize(image, longer, resample, **kwargs)
        place = kwargs.get("data_format") or kwargs.get("input_data_format")
        return self.center_crop(resized, {"height": edge, "width": edge}, input_data_format=place)
