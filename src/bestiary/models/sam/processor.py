"""SAM's processor."""

from ...preprocess.promptable import PromptProcessor
from .image_processor import SamImageProcessor


class SamProcessor(PromptProcessor):
    """Images, points, boxes and maps."""

    parts = {"image_processor": SamImageProcessor}
