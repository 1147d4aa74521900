"""What image processors and feature extractors share: settings stored beside the weights, alone or in a processor's file."""

import copy
import inspect
import os
from dataclasses import fields
from typing import Any, ClassVar, Literal, Self, overload

from ..core.errors import ArgumentError, ConfigError, did_you_mean
from ..core.files import read_json
from ..core.kinds import fits
from ..core.logging import warn_once
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions, file_itself, find_file
from ..hub.pretrained import PretrainedRecord

PROCESSOR_FILE = "processor_config.json"


class Preprocessor(PretrainedRecord):
    """A preprocessor whose settings live in `preprocessor_config.json`, or under `part_name` in `processor_config.json`.

    Class attributes:
        part_name: what a processor calls this part.
        type_key: the key under which a file names the class.
        foreign: a setting that only files of another kind hold.
        derived: names that follow from the fields; they are written for other readers and never read back.
        model_input_names: keys of the output that a model takes.
    """

    file_name: ClassVar[str] = "preprocessor_config.json"
    part_name: ClassVar[str]
    type_key: ClassVar[str]
    foreign: ClassVar[str]
    derived: ClassVar[tuple[str, ...]] = ()
    model_input_names: ClassVar[list[str]]

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
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """As every stored record. `use_fast` and `backend`, which choose among classes elsewhere, change nothing, nor does
        what is said of code in the checkpoint: a class that is here needs none.

        Args:
            return_unused_kwargs: also return the keywords that are no settings, which are left aside.
        """
        _, kwargs = CodeOptions.split(kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name not in ("use_fast", "backend")}
        if not kwargs.pop("return_unused_kwargs", False):
            return super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        options, overrides = HubOptions.split(kwargs)
        settings = cls._field_names | set(cls.attribute_map)
        unused = {name: overrides.pop(name) for name in list(overrides) if name not in settings}
        return cls.from_dict(cls.get_dict(pretrained_model_name_or_path, options), **overrides), unused

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **overrides: Any) -> Self:
        """Build from stored settings, of any age; keywords override them."""
        # Old audio files also hold the table of mel filters, which follows from the other values.
        stale = {"image_processor_type", "feature_extractor_type", "mel_filters", *cls.derived}
        # Where a setting cannot be null, null says that the class decides.
        stale |= {each.name for each in fields(cls) if config_dict.get(each.name, 0) is None and not fits(None, each.type)}
        return super().from_dict({name: value for name, value in config_dict.items() if name not in stale}, **overrides)

    def to_dict(self) -> dict[str, Any]:
        """The settings, the derived values and the name of the class, as plain JSON types."""
        derived = {name: getattr(self, name) for name in self.derived}
        return {**super().to_dict(), **derived, self.type_key: type(self).__name__}

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
        for field in fields(self):
            if field.name in overrides.keys() - replaced.keys() and fits(False, field.type) and self.get(field.name):
                replaced[field.name] = False
                warn_once(
                    "none-is-off",
                    f"{field.name}=None switches it off, as in the published library's current release; in older ones the "
                    "stored value stayed. Leave it out to keep that",
                )
        if not replaced:
            return self
        changed = copy.copy(self)
        for name, value in replaced.items():
            setattr(changed, name, value)
        changed.validate()
        return changed
