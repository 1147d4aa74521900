"""What the config of a vision backbone says: the names of its stages, and which of them give feature maps."""

from collections.abc import Iterable
from typing import Any, ClassVar

from ..core.errors import ConfigError, did_you_mean
from .config import PreTrainedConfig
from .families import config_class


class BackboneConfig(PreTrainedConfig):
    """Base of the configs of backbones.

    `out_features` (names of stages) and `out_indices` (their places among `stage_names`, negative ones from the end) say
    the same; setting one changes the other. Where neither is set, the last stage gives the one map. A family sets
    `stage_names` in `validate`, before that of this class.
    """

    stage_names: list[str] | None = None
    out_features: list[str] | None = None
    out_indices: list[int] | None = None

    # One says what the other says.
    _twins: ClassVar[dict[str, str]] = {"out_features": "out_indices", "out_indices": "out_features"}

    @classmethod
    def _said_by(cls, overrides: Iterable[str]) -> set[str]:
        fields = super()._said_by(overrides)
        return fields | {cls._twins[name] for name in fields if name in cls._twins}

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in self._twins and self.__dict__.get("_aligned"):
            self.__dict__[self._twins[name]] = None
            self._align()

    def validate(self) -> None:
        super().validate()
        self._align()

    def _align(self) -> None:
        """Fill in what the other of the two says.

        Raises:
            ConfigError: unknown stages, one twice, another order than the model's, or two answers.
        """
        stages = self.stage_names or []
        if self.out_features is not None or self.out_indices is None:
            self.__dict__["out_features"] = stages[-1:] if self.out_features is None else list(self.out_features)
        if self.out_indices is not None:
            by_index = [self._stage(index) for index in self.out_indices]
            if self.out_features is not None and self.out_features != by_index:
                raise ConfigError(
                    f"{type(self).__name__}: out_features {self.out_features} and out_indices {self.out_indices} name"
                    f" different stages ({by_index}); set one of them"
                )
            self.__dict__["out_features"] = by_index
        for name in self.out_features or ():
            if name not in stages:
                near = did_you_mean(name, stages)
                raise ConfigError(
                    f"{type(self).__name__}: out_features has {name!r:.80}, no stage of this model.{near} It has {stages}"
                )
        if self.out_indices is None:
            self.__dict__["out_indices"] = [stages.index(name) for name in self.out_features or ()]
        in_order = [name for name in stages if name in (self.out_features or ())]
        if in_order != self.out_features:
            raise ConfigError(
                f"{type(self).__name__}: the stages {self.out_features} must be named once each, in the model's order:"
                f" {in_order}"
            )
        self.__dict__["_aligned"] = True

    def _stage(self, index: int) -> str:
        stages = self.stage_names or []
        if not -len(stages) <= index < len(stages):
            raise ConfigError(
                f"{type(self).__name__}: out_indices has {index}; this model has the stages 0 to {len(stages) - 1}"
            )
        return stages[index]


def read_backbone(owner: str, value: Any) -> BackboneConfig:
    """The config that `value` of a field `backbone_config` stands for: it, or the dictionary of one with its `model_type`.

    Raises:
        ConfigError: `value` (of the config class `owner`) is neither. UnknownArchitecture: an unknown `model_type`.
    """
    if isinstance(value, dict) and isinstance(value.get("model_type"), str):
        kind = config_class(value["model_type"])
        value = kind.from_dict({name: each for name, each in value.items() if name != "model_type"})
    if not isinstance(value, BackboneConfig):
        raise ConfigError(
            f"{owner}: backbone_config is {value!r:.80}; expected the config of a vision backbone, with its model_type"
        )
    return value


# Where files of models with a backbone named another checkpoint, before they held the config of its architecture.
OLDER_BACKBONE = ("backbone", "use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs")


def take_backbone(config: PreTrainedConfig, usual: dict[str, Any]) -> None:
    """Make `config.backbone_config` the config of a backbone: what it says, or else what `usual` does.

    Raises:
        ConfigError: it is none, or an older file names the backbone by its checkpoint alone.
    """
    named, *_ = (config.__dict__.pop(name, None) for name in OLDER_BACKBONE)
    name, value = type(config).__name__, config.get("backbone_config")
    if value is None and named is not None:
        raise ConfigError(
            f"{name}: the backbone is another checkpoint, {named!r:.80}, which is not opened from here; give its config as"
            " backbone_config"
        )
    config.__dict__["backbone_config"] = read_backbone(name, usual if value is None else value)


def stage_list(count: int) -> list[str]:
    """`stem`, `stage1`, ..., as most backbones call their stages."""
    return ["stem", *(f"stage{number}" for number in range(1, count + 1))]
