"""How SAM 2's checkpoints want their images."""

from ...preprocess.image.square_prompts import SquareImageProcessor


class Sam2ImageProcessor(SquareImageProcessor):
    """Images of 1024 x 1024 pixels, bilinear."""


Sam2ImageProcessorFast = Sam2ImageProcessor
