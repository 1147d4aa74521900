"""Settings of quantized models, under the names and in the form of `quantization_config` in config.json."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from ..core import kinds
from ..core.errors import ArgumentError, ConfigError, did_you_mean
from ..core.files import write_text
from ..core.logging import warn_once
from .methods import METHODS


class QuantizationMethod(StrEnum):
    """Published names of methods; those that this library opens are the keys of `methods.METHODS`."""

    BITS_AND_BYTES = "bitsandbytes"
    BITS_AND_BYTES_ALL = "bitsandbytes_all"
    GPTQ = "gptq"
    AWQ = "awq"
    AQLM = "aqlm"
    VPTQ = "vptq"
    QUANTO = "quanto"
    EETQ = "eetq"
    HIGGS = "higgs"
    HQQ = "hqq"
    COMPRESSED_TENSORS = "compressed-tensors"
    FBGEMM_FP8 = "fbgemm_fp8"
    TORCHAO = "torchao"
    GGUF = "gguf"
    BITNET = "bitnet"
    SPQR = "spqr"
    FP8 = "fp8"
    QUARK = "quark"
    FPQUANT = "fp_quant"
    AUTOROUND = "auto-round"
    MXFP4 = "mxfp4"
    NVFP4 = "nvfp4"
    MXFP8 = "mxfp8"
    METAL = "metal"
    FOUR_OVER_SIX = "fouroversix"
    SINQ = "sinq"
    GEMMA = "gemma"


@dataclass(repr=False)
class QuantizationConfigMixin:
    """Base of the settings of a method, which are dataclasses with its published names and defaults.

    Class attributes:
        quant_method: name of the method. skips_field: the field that lists modules which stay as they are.
        required: the fields without a default.
        wrong_kind: the error of a value of another kind than its field's annotation says.
    """

    quant_method: ClassVar[QuantizationMethod]
    skips_field: ClassVar[str] = "modules_to_not_convert"
    shows_all: ClassVar[bool] = True  # whether `to_diff_dict` gives all values, as most methods publish it
    required: ClassVar[tuple[str, ...]] = ()
    wrong_kind: ClassVar[type[ConfigError | ArgumentError]] = ConfigError

    def __post_init__(self) -> None:
        self.check_kinds()
        self.post_init()

    def check_kinds(self) -> None:
        """Check that each value is of the kind that its field is annotated with.

        Raises:
            ConfigError, or what `wrong_kind` says: one is not.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not kinds.fits(value, field.type):
                raise self.wrong_kind(
                    f"{type(self).__name__}: {field.name} is {value!r:.80}; expected {kinds.describe(field.type)}"
                )

    def post_init(self) -> None:
        """Check the values.

        Raises:
            ConfigError: one of them cannot be.
        """

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], return_unused_kwargs: bool = False, **kwargs: Any) -> Any:
        """Settings from a table, as config.json holds it, and `kwargs`, which come first; unknown keys are told and left out.

        Returns: the settings; with `return_unused_kwargs` also the `kwargs` that are none of them.

        Raises:
            ConfigError: it is no table, or lacks a field that has no default.
        """
        table_of(config_dict)
        names = {field.name for field in fields(cls) if field.init}
        unused = {name: value for name, value in kwargs.items() if name not in names}
        values = {name: value for name, value in {**config_dict, **kwargs}.items() if name in names}
        silent = {"quant_method", *cls.without_effect()}
        for name in config_dict.keys() - names - silent:
            text = f"{cls.__name__} has no field {name!r:.60}, which is not looked at.{did_you_mean(str(name), list(names))}"
            warn_once("quantization-field", text, about=f"{cls.__name__}.{name}")
        if lacking := [name for name in cls.required if name not in values]:
            raise ConfigError(
                f"{cls.__name__}: there is no {' and no '.join(lacking)} among {', '.join(map(str, values)) or 'nothing'}"
            )
        settings = cls(**values)
        return (settings, unused) if return_unused_kwargs else settings

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        """Keys of published files that say nothing to this library: who made them, and how."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """The table that config.json holds."""
        values = {field.name: copy.deepcopy(getattr(self, field.name)) for field in fields(self)}
        return {"quant_method": self.quant_method.value, **{name: _as_json(value) for name, value in values.items()}}

    def to_diff_dict(self) -> dict[str, Any]:
        """What differs from the defaults; of most methods, as published, all values."""
        if self.shows_all:
            return self.to_dict()
        usual = type(self)(**{name: getattr(self, name) for name in self.required}).to_dict()
        return {name: value for name, value in self.to_dict().items() if name not in usual or usual[name] != value}

    def to_json_string(self, use_diff: bool = True) -> str:
        """The settings as JSON text, by default those that differ from the defaults."""
        return json.dumps(self.to_diff_dict() if use_diff else self.to_dict(), indent=2, sort_keys=True) + "\n"

    def to_json_file(self, json_file_path: Any) -> None:
        """Write the settings into a file, whole or not at all."""
        write_text(Path(json_file_path), self.to_json_string(use_diff=False))

    def update(self, **kwargs: Any) -> dict[str, Any]:
        """Set fields; returns those `kwargs` that are none. Where a value is refused the settings are as they were."""
        names, before = {name for name in kwargs if hasattr(self, name)}, dict(vars(self))
        try:
            for name in names:
                setattr(self, name, kwargs[name])
            self.check_kinds()
            self.post_init()
        except (ConfigError, ArgumentError):
            vars(self).update(before)
            raise
        return {name: value for name, value in kwargs.items() if name not in names}

    def at_opening(self) -> dict[str, Any]:
        """The values that a caller may set for a checkpoint that is quantized already: how to compute, not what is stored."""
        return {}

    @property
    def skipped(self) -> list[str] | None:
        """Names of modules that stay as they are; None: what is usual."""
        names: list[str] | None = getattr(self, self.skips_field)
        return names

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string(use_diff=False)}"

    def __deepcopy__(self, memo: Any) -> Self:
        other = copy.copy(self)
        other.__dict__.update({name: copy.deepcopy(value, memo) for name, value in vars(self).items()})
        return other


def _as_json(value: Any) -> Any:
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return value.value if isinstance(value, Enum) else value


def table_of(given: Any) -> Mapping[str, Any]:
    """`given`, which is a table of settings.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ConfigError(
            f"quantization_config is {given!r:.80}; expected a table of settings by name, such as"
            ' {"quant_method": "bitsandbytes", "load_in_8bit": true}'
        )
    return given


def settings_of(given: Any) -> QuantizationConfigMixin:
    """The settings that a user gave, or a config.json holds: themselves, or a table of them.

    Raises:
        ConfigError: as `AutoQuantizationConfig.from_dict`. ArgumentError: they are neither.
    """
    if isinstance(given, QuantizationConfigMixin):
        return given
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"quantization_config is {given!r:.80} ({type(given).__name__}); expected settings such as"
            " BitsAndBytesConfig(load_in_8bit=True), or a table of them"
        )
    settings: QuantizationConfigMixin = AutoQuantizationConfig.from_dict(given)
    return settings


class AutoQuantizationConfig:
    """Settings of whichever method a table names."""

    @classmethod
    def from_dict(cls, quantization_config_dict: Mapping[str, Any]) -> Any:
        """The settings that a `quantization_config` of config.json holds.

        Raises:
            ConfigError: it is no table, names no method, or one that is not opened here.
        """
        table = table_of(quantization_config_dict)
        method = table.get("quant_method")
        if method is None and (table.get("load_in_8bit") or table.get("load_in_4bit")):
            method = QuantizationMethod.BITS_AND_BYTES
        if method is None:
            raise ConfigError(f"quantization_config names no quant_method; its keys are {', '.join(map(str, table)):.200}")
        return config_class(method).from_dict(table)


def method_class(name: Any) -> Any:
    """The class of the method `name`, of which a model has one (`method.Quantizer`).

    Raises:
        ConfigError: there is no such method here.
    """
    name = name.value if isinstance(name, Enum) else name
    if not isinstance(name, str) or name not in METHODS:
        known = [each.value for each in QuantizationMethod]
        why = "a published method that is not opened here" if name in known else "no method that is known"
        raise ConfigError(f"quant_method {name!r:.60} is {why}; methods here: {', '.join(METHODS)}")
    place = METHODS[name]
    if not isinstance(place, str):
        return place  # one that a user registered
    module, _, attribute = place.partition(":")
    return getattr(import_module(f".methods.{module}", __package__), attribute)


def config_class(name: Any) -> type[QuantizationConfigMixin]:
    """The class of the settings of the method `name`; raises as `method_class`."""
    kind: type[QuantizationConfigMixin] = method_class(name).config_class
    return kind
