"""How SAM's checkpoints want their images."""

from ...preprocess.image.promptable import PaddedImageProcessor


class SamImageProcessor(PaddedImageProcessor):
    """The longest edge to 1024 bilinear, then zeros below or to the right."""


SamImageProcessorFast = SamImageProcessorPil = SamImageProcessor
