"""How V-JEPA 2's checkpoints want their films."""

from collections.abc import Sequence

from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, PILImageResampling
from ...preprocess.video.base import BaseVideoProcessor


class VJEPA2VideoProcessor(BaseVideoProcessor):
    """Shortest edge of each frame to 292 bilinear, its middle of 256 x 256, mean and deviation of ImageNet's pixels."""

    size: Size = edges(shortest_edge=292)
    crop_size: Size = edges(height=256, width=256)
    default_to_square: bool = False
    do_resize: bool = True
    resample: int = PILImageResampling.BILINEAR
    do_center_crop: bool = True
    do_rescale: bool = True
    do_normalize: bool = True
    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD
