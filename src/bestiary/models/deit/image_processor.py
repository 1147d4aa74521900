"""How DeiT's checkpoints want their images: squeezed into a square, of which the middle is taken, pixels in -1..1."""

from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.reading import PILImageResampling
from ...preprocess.image.standard import StandardImageProcessor


class DeiTImageProcessor(StandardImageProcessor):
    """256 x 256 bicubic, its middle of 224 x 224, mean and deviation 0.5."""

    size: Size = edges(height=256, width=256)
    resample: int = PILImageResampling.BICUBIC
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)


DeiTFeatureExtractor = DeiTImageProcessorFast = DeiTImageProcessorPil = DeiTImageProcessor
