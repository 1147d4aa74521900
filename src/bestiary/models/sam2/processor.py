"""SAM 2's processor."""

from ...preprocess.square_prompts import SquarePromptProcessor
from .image_processor import Sam2ImageProcessor


class Sam2Processor(SquarePromptProcessor):
    """Images, points, boxes and maps."""

    parts = {"image_processor": Sam2ImageProcessor}
