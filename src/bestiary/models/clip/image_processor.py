"""How CLIP's checkpoints want their images: the middle square, with the statistics of CLIP's own training set."""

from collections.abc import Sequence

from ...preprocess.image.pil_backend import Deviation, Size, edges
from ...preprocess.image.reading import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class CLIPImageProcessor(StandardImageProcessor):
    """Shortest edge to 224 bicubic, then the middle 224 x 224."""

    do_convert_rgb: bool | None = True
    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool | None = True
    crop_size: Size | None = edges(height=224, width=224)
    image_mean: float | Sequence[float] = OPENAI_CLIP_MEAN
    image_std: Deviation = OPENAI_CLIP_STD


CLIPFeatureExtractor = CLIPImageProcessorFast = CLIPImageProcessorPil = CLIPImageProcessor
