"""SAM 2's processor of films."""

from typing import ClassVar

from ...preprocess.film_prompts import FilmPromptProcessor
from ..sam2.image_processor import Sam2ImageProcessor
from .session import Sam2VideoInferenceSession
from .video_processor import Sam2VideoVideoProcessor


class Sam2VideoProcessor(FilmPromptProcessor):
    """Films, and points, boxes and masks of objects in their frames."""

    parts = {"image_processor": Sam2ImageProcessor, "video_processor": Sam2VideoVideoProcessor}
    session_class: ClassVar[type[Sam2VideoInferenceSession]] = Sam2VideoInferenceSession
