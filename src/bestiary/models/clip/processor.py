"""CLIP's processor: captions and images to the inputs of its two encoders."""

from typing import Any, ClassVar

from ...preprocess.processor import ProcessorMixin
from .image_processor import CLIPImageProcessor
from .tokenizer import CLIPTokenizer


class CLIPProcessor(ProcessorMixin):
    """`images` to `pixel_values`, `text` to `input_ids` and `attention_mask`."""

    parts: ClassVar[dict[str, Any]] = {"image_processor": CLIPImageProcessor, "tokenizer": CLIPTokenizer}
