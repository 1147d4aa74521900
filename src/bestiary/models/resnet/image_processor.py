"""How ResNet's checkpoints want their images: they share the processor of ConvNeXt (Liu et al. 2022)."""

from ...preprocess.image.crop_pct import CropPctImageProcessor


class ConvNextImageProcessor(CropPctImageProcessor):
    """Its defaults are ConvNeXt's."""


ConvNextFeatureExtractor = ConvNextImageProcessorFast = ConvNextImageProcessorPil = ConvNextImageProcessor
