"""Processors that users write: their parts are found by the files of a checkpoint, or by the names of their classes."""

from typing import Any

from ..modeling.families import class_named
from ..preprocess.processor import ProcessorMixin as ProcessorMixin
from .preprocessors import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer, AutoVideoProcessor

_AUTOMATIC: dict[str, Any] = {
    "image_processor": AutoImageProcessor,
    "video_processor": AutoVideoProcessor,
    "feature_extractor": AutoFeatureExtractor,
    "tokenizer": AutoTokenizer,
}


def opener_of_part(part: str, class_names: tuple[str, ...]) -> Any:
    """What opens a part: the first of the named classes that is here or was registered, else the files of a checkpoint decide.

    A tokenizer is always chosen by its files.
    """
    automatic = _AUTOMATIC[part]
    named = [class_named(name) or automatic.mapping.registered_as(name) for name in class_names if part != "tokenizer"]
    return next((kind for kind in named if kind is not None), automatic)


ProcessorMixin.opener = staticmethod(opener_of_part)
