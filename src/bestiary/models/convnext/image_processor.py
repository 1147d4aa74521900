"""How ConvNeXt's checkpoints want their images, and those of ResNet, RegNet and others after it."""

from ...preprocess.image.crop_pct import CropPctImageProcessor


class ConvNextImageProcessor(CropPctImageProcessor):
    """Small images cropped, large ones squeezed, bicubic; mean and deviation 0.5."""


ConvNextFeatureExtractor = ConvNextImageProcessorFast = ConvNextImageProcessorPil = ConvNextImageProcessor
