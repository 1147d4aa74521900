"""SAM-HQ's processor, which is SAM's."""

from ...preprocess.promptable import PromptProcessor
from ..sam.image_processor import SamImageProcessor


class SamHQProcessor(PromptProcessor):
    """Images, points, boxes and maps."""

    parts = {"image_processor": SamImageProcessor}
