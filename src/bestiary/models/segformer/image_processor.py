"""How SegFormer's checkpoints want their images, and the maps of classes that belong to them."""

from ...preprocess.image.maps import MapImageProcessor


class SegformerImageProcessor(MapImageProcessor):
    """512 x 512 bilinear, ImageNet's statistics."""


SegformerFeatureExtractor = SegformerImageProcessorFast = SegformerImageProcessorPil = SegformerImageProcessor
