"""What image processors and feature extractors share: settings stored beside the weights, alone or in a processor's file."""

import copy
import inspect
import os
from dataclasses import field, fields
from functools import partial
from typing import Any, ClassVar, Literal, Self, get_origin, overload

from ..core.errors import ArgumentError, ConfigError, did_you_mean
from ..core.files import read_json
from ..core.kinds import fits
from ..core.logging import warn_once
from ..core.signatures import is_of_the_library, showing_options_of
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions, file_itself, find_file
from ..hub.pretrained import PretrainedRecord

PROCESSOR_FILE = "processor_config.json"
NAMES_OF_CLASSES = (
    "image_processor_type",
    "video_processor_type",
    "feature_extractor_type",
    "processor_class",
)  # files hold them, no setting is one


class Preprocessor(PretrainedRecord):
    """A preprocessor whose settings live in `preprocessor_config.json`, or under `part_name` in `processor_config.json`.

    Class attributes:
        part_name: what a processor calls this part.
        type_key: the key under which a file names the class.
        foreign: a setting that only files of another kind hold.
        derived: names that follow from the fields; they are written for other readers and never read back.
        model_input_names: keys of the output that a model takes.
        valid_kwargs: a `TypedDict` whose names a subclass has as further settings; their defaults are its class attributes.

    A subclass whose constructor a user writes has the settings that this sets, and is built by it when a file is opened.
    """

    file_name: ClassVar[str] = "preprocessor_config.json"
    part_name: ClassVar[str]
    type_key: ClassVar[str]
    foreign: ClassVar[str]
    derived: ClassVar[tuple[str, ...]] = ()
    model_input_names: ClassVar[list[str]]
    valid_kwargs: ClassVar[Any] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        _declare_fields(cls)
        super().__init_subclass__(**kwargs)

    def _may_set(self, name: str, value: Any) -> bool:
        return name not in NAMES_OF_CLASSES and super()._may_set(name, value)

    @classmethod
    def get_dict(cls, name_or_path: str | os.PathLike[str], options: HubOptions = HubOptions()) -> dict[str, Any]:
        """The stored settings. What a processor saved inside its own file is found there.

        Raises:
            FileMissing: neither file is there.
            CorruptFile: a file holds no JSON object.
        """
        if file_itself(name_or_path) is None:
            whole = find_file(name_or_path, PROCESSOR_FILE, options)
            nested = read_json(whole) if whole else None
            if isinstance(nested, dict) and isinstance(nested.get(cls.part_name), dict):
                return dict(nested[cls.part_name])
        values = super().get_dict(name_or_path, options)
        if cls.foreign in values and cls.type_key not in values:
            raise ConfigError(
                f"{name_or_path} holds the settings of another kind of preprocessor ({cls.foreign}), not of a {cls.__name__}"
            )
        return values

    @overload
    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, return_unused_kwargs: Literal[True], **kwargs: Any
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        return_unused_kwargs: Literal[False] = False,
        **kwargs: Any,
    ) -> Self: ...

    @classmethod
    @showing_options_of(HubOptions)
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, return_unused_kwargs: bool = False, **kwargs: Any
    ) -> Any:
        """As every stored record. `use_fast` and `backend`, which choose among classes elsewhere, change nothing, nor does
        what is said of code in the checkpoint: a class that is here needs none.

        Args:
            return_unused_kwargs: also return the keywords that are no settings, which change nothing.
        """
        _, kwargs = CodeOptions.split(kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name not in ("use_fast", "backend")}
        options, overrides = HubOptions.split(kwargs)
        return cls.from_dict(
            cls.get_dict(pretrained_model_name_or_path, options), return_unused_kwargs=return_unused_kwargs, **overrides
        )

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], *, return_unused_kwargs: bool = False, **overrides: Any) -> Any:
        """Build from stored settings, of any age; keywords override them. Those that are no settings change nothing.

        Args:
            return_unused_kwargs: also return the keywords that are no settings, which are told otherwise.
        """
        # Old audio files also hold the table of mel filters, which follows from the other values.
        stale = {*NAMES_OF_CLASSES, "mel_filters", *cls.derived}
        # Where a setting cannot be null, null says that the class decides.
        stale |= {each.name for each in fields(cls) if config_dict.get(each.name, 0) is None and not fits(None, each.type)}
        stored = {name: value for name, value in config_dict.items() if name not in stale}
        known = {*stored, *cls._field_names, *cls.attribute_map, *inspect.signature(cls).parameters} - {"kwargs"}
        changed = {name: value for name, value in overrides.items() if name in known}
        self = super().from_dict(stored, **changed)
        unused = {name: value for name, value in overrides.items() if name not in known}
        for name in unused.keys() & vars(self).keys():
            setattr(self, name, unused.pop(name))
        if return_unused_kwargs:
            return self, unused
        self._refuse_misspelt(unused)
        if unused:
            warn_once("unused-keywords", f"{cls.__name__} has no settings {', '.join(sorted(unused))}; they change nothing")
        return self

    def to_dict(self) -> dict[str, Any]:
        """The settings, the derived values and the name of the class, as plain JSON types."""
        derived = {name: getattr(self, name) for name in self.derived}
        return {**super().to_dict(), **derived, self.type_key: type(self).__name__}

    def shown_values(self) -> dict[str, Any]:
        """The values that are printed and saved: of a class that a user constructs also those that are None."""
        return super().shown_values() if is_of_the_library(type(self).__init__) else self.to_dict()

    @classmethod
    def field_names(cls) -> frozenset[str]:
        """Names of the settings."""
        return cls._field_names

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Names of the options of a call, after what is processed."""
        return frozenset(list(inspect.signature(cls.__call__).parameters)[2:]) - {"unknown"}

    def with_overrides(self, overrides: dict[str, Any]) -> Self:
        """These settings with some replaced for one call; None keeps the stored value, and switches off what is true or false.

        Raises:
            ArgumentError: a name that is no setting.
            ConfigError: a value that does not fit.
        """
        for name in overrides:
            if name not in self._field_names:
                near = did_you_mean(name, sorted(self._field_names))
                raise ArgumentError(f"{type(self).__name__} takes no argument {name!r:.80}.{near}")
        replaced = {name: value for name, value in overrides.items() if value is not None}
        for setting in fields(self):
            if setting.name in overrides.keys() - replaced.keys() and fits(False, setting.type) and self.get(setting.name):
                replaced[setting.name] = False
                warn_once(
                    "none-is-off",
                    f"{setting.name}=None switches it off, as in the published library's current release; in older ones the "
                    "stored value stayed. Leave it out to keep that",
                )
        if not replaced:
            return self
        changed = copy.copy(self)
        for name, value in replaced.items():
            setattr(changed, name, value)
        changed.validate()
        return changed


def _declare_fields(cls: type[Preprocessor]) -> None:
    """Make fields of plain class attributes of `cls` that its base has as fields, and of the names of its `valid_kwargs`."""
    inherited = {each.name: each.type for each in fields(cls)}
    attributes = {name for base in cls.__mro__[1:] for name in vars(base)} - inherited.keys()
    annotations = {name: kind for name, kind in vars(cls).get("__annotations__", {}).items() if name not in attributes}
    annotations |= {name: inherited[name] for name in vars(cls).keys() & inherited.keys() - annotations.keys()}
    further = vars(cls).get("valid_kwargs")
    for name in further.__annotations__ if further else ():
        if name not in cls.option_names() | annotations.keys():
            annotations[name] = Any
            setattr(cls, name, getattr(cls, name, None))
    for name, kind in annotations.items():
        if get_origin(kind) is not ClassVar and isinstance(vars(cls).get(name), dict | list | set):
            setattr(cls, name, field(default_factory=partial(copy.deepcopy, vars(cls)[name])))
    cls.__annotations__ = annotations
