"""Images of which small ones are cropped and large ones squeezed, as ConvNeXt and many after it want them (Liu et al. 2022)."""

import numpy as np

from ...core.errors import ConfigError
from ...core.kinds import Positive
from . import transforms
from .processor import BaseImageProcessor, Size, edges
from .reading import PILImageResampling

WHOLE = 384  # from this size on, images are squeezed instead of cropped


class CropPctImageProcessor(BaseImageProcessor):
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

    def resized(self, image: np.ndarray) -> np.ndarray:
        edge = transforms.read_size(self.size, False)["shortest_edge"]
        if edge >= WHOLE:
            return transforms.resize(image, edge, edge, self.resample)
        longer = transforms.output_size(image.shape[0], image.shape[1], {"shortest_edge": int(edge / self.crop_pct)})
        return transforms.center_crop(transforms.resize(image, *longer, self.resample), edge, edge)
