"""What a watermark is made of. Each has a file in `watermarks/`: its settings as `SETTINGS`, its processor, its detector.

`TOLD_BY`, read without importing the file, lists names of which each, in a dictionary of settings, tells that it is this
watermark. A dictionary with none of them is for green lists.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ..core import plugins
from ..core.config import PlacedRecord
from ..core.errors import ConfigError, did_you_mean

_FOLDER = f"{__package__}.watermarks"


class BaseWatermarkingConfig(PlacedRecord):
    """Base of the settings of a watermark, what `generate(watermarking_config=...)` takes; by place or by name."""

    @abstractmethod
    def construct_processor(self, vocab_size: int, device: Any) -> Any:
        """The `LogitsProcessor` that writes this watermark into scores (B, vocab_size) on `device`."""


def as_watermark(settings: Any) -> BaseWatermarkingConfig:
    """`settings`, or a dictionary of their values, as the settings of a watermark.

    Raises:
        ConfigError: it is neither, or a name in it is unknown.
    """
    if isinstance(settings, BaseWatermarkingConfig):
        return settings
    if not isinstance(settings, Mapping):
        raise ConfigError(f"watermarking_config is a {type(settings).__name__}; expected a WatermarkingConfig or a dictionary")
    told_by = plugins.literals(_FOLDER, "TOLD_BY", plugins.Names)
    name = next((name for name, names in told_by.items() if settings.keys() & set(names)), "green_list")
    kind: type[BaseWatermarkingConfig] = plugins.definition(_FOLDER, name, "watermark", "SETTINGS", BaseWatermarkingConfig)
    for name in settings:
        if name not in kind._field_names:
            raise ConfigError(f"watermarking_config has no value {name!r:.80}.{did_you_mean(name, sorted(kind._field_names))}")
    return kind.from_dict(dict(settings))
