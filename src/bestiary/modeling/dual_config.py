"""The config of two encoders whose vectors are compared, one of texts and one of images."""

from typing import Any

from ..core.errors import ConfigError
from ..core.kinds import Amount, Size, check
from .config import PreTrainedConfig


class DualConfig(PreTrainedConfig):
    """Both encoders, and the space where they meet; `sub_configs` of the family names the classes of their configs.

    Older files hold `text_config_dict` and `vision_config_dict`, whose values come first.
    """

    text_config: Any = None
    vision_config: Any = None
    projection_dim: Size = 512
    logit_scale_init_value: float = 2.6592
    initializer_factor: Amount = 1.0

    def validate(self) -> None:
        owner = type(self).__name__
        for name in self.sub_configs:
            older = self.__dict__.pop(f"{name}_dict", None)
            if older is not None:
                current = self.__dict__[name]
                check(owner, f"{name}_dict", older, dict[str, Any])
                check(owner, name, current, dict[str, Any] | PreTrainedConfig | None)
                values = current.to_dict() if isinstance(current, PreTrainedConfig) else (current or {})
                self.__dict__[name] = {**values, **older}
        super().validate()
        for name, kind in self.sub_configs.items():
            if not isinstance(self.__dict__[name], kind):
                raise ConfigError(f"{owner}: {name} is a {type(self.__dict__[name]).__name__}; expected {kind.__name__}")
