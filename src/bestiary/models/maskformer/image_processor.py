"""How MaskFormer's checkpoints want their images, and the maps of instances that belong to them."""

from ...preprocess.image.mask_labels import MaskImageProcessor


class MaskFormerImageProcessor(MaskImageProcessor):
    """Shortest edge to 800 bilinear, the longest no longer than 1333, both multiples of 32; ImageNet's statistics."""


MaskFormerFeatureExtractor = MaskFormerImageProcessorFast = MaskFormerImageProcessorPil = MaskFormerImageProcessor
