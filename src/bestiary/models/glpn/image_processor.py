"""How GLPN's checkpoints want their images: edges cut down to multiples of 32, pixels in 0..1."""

from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ...core.kinds import Size
from ...preprocess.image.depth import DepthMixin
from ...preprocess.image.pil_backend import NEEDS, PilBackend
from ...preprocess.image.reading import PILImageResampling


class GLPNImageProcessor(DepthMixin, PilBackend):
    """Height and width to the next smaller multiples of `size_divisor`, bilinear; not normalised."""

    needs: ClassVar[dict[str, tuple[str, ...]]] = NEEDS | {"do_resize": ("resample",)}

    do_resize: bool | None = True
    size_divisor: Size = 32
    resample: int | None = PILImageResampling.BILINEAR
    do_rescale: bool | None = True

    def resize(  # type: ignore[override]  # the published order of the arguments
        self, image: np.ndarray, size: Any = None, resample: int | None = None, size_divisor: int | None = None, **kwargs: Any
    ) -> np.ndarray:
        """`image` (C, Y, X) scaled to multiples of `size_divisor`; the other arguments are those of `PilBackend.resize`.

        Raises:
            InputError: an edge is shorter than `size_divisor`.
        """
        divisor = size_divisor or self.size_divisor
        height, width = image.shape[-2:]
        if min(height, width) < divisor:
            raise InputError(
                f"an image of {height} x {width} pixels is smaller than size_divisor ({divisor}), of which edges are to be"
                " multiples; scale it up first"
            )
        edges = {"height": height // divisor * divisor, "width": width // divisor * divisor}
        return super().resize(image, edges, resample, **kwargs)


GLPNFeatureExtractor = GLPNImageProcessorFast = GLPNImageProcessorPil = GLPNImageProcessor
