"""How Big Transfer's checkpoints want their images, and those of DINOv2 and FocalNet, which share its processor."""

from collections.abc import Sequence

from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class BitImageProcessor(StandardImageProcessor):
    """The shortest edge 224, bicubic, the middle of 224 x 224, mean and deviation of CLIP's images."""

    do_convert_rgb: bool = True
    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)
    image_mean: float | Sequence[float] = OPENAI_CLIP_MEAN
    image_std: Deviation = OPENAI_CLIP_STD


BitImageProcessorFast = BitImageProcessorPil = BitImageProcessor
