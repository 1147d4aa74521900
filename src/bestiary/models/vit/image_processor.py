"""How ViT's checkpoints want their images: the whole image squeezed into a square, pixels in -1..1."""

from ...preprocess.image.standard import StandardImageProcessor


class ViTImageProcessor(StandardImageProcessor):
    """224 x 224 bilinear, mean and deviation 0.5."""


ViTFeatureExtractor = ViTImageProcessorFast = ViTImageProcessorPil = ViTImageProcessor
