"""How TimeSformer's checkpoints want their films."""

from collections.abc import Sequence

from ...preprocess.image.pil_backend import Deviation
from ...preprocess.image.reading import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from ...preprocess.video.standard import StandardVideoProcessor


class TimesformerVideoProcessor(StandardVideoProcessor):
    """Shortest edge of each frame to 224 bilinear, its middle of 224 x 224, mean and deviation of ImageNet's pixels."""

    image_mean: float | Sequence[float] = IMAGENET_DEFAULT_MEAN
    image_std: Deviation = IMAGENET_DEFAULT_STD
