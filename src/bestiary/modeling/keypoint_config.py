"""The detector of points in the config of a model that matches them. Needs no torch."""

from typing import Any

from ..core.errors import ConfigError
from .config import PreTrainedConfig
from .families import config_class


def take_detector(config: PreTrainedConfig) -> None:
    """Make `config.keypoint_detector_config` a config: what it is or a file says of it, by default SuperPoint's.

    Raises:
        ConfigError: it is neither a config nor a dictionary. UnknownArchitecture: an unknown `model_type`.
    """
    value: Any = config.get("keypoint_detector_config")
    if value is None or isinstance(value, dict):
        settings = dict(value or {})
        value = config_class(settings.pop("model_type", "superpoint")).from_dict(settings)
    if not isinstance(value, PreTrainedConfig):
        raise ConfigError(
            f"{type(config).__name__}: keypoint_detector_config is {value!r:.80}; expected the config of a detector of points"
        )
    config.__dict__["keypoint_detector_config"] = value
