"""The base of everything that is stored as a flat JSON object: model configs, generation settings, processors.

A subclass is written like a dataclass: annotated fields with defaults. Nothing else has to be declared. Its constructor
takes the fields as keywords, the older spellings of `attribute_map`, and further keywords, which are kept as they are
and saved again; a keyword that looks like a misspelt field is refused.
"""

import copy
import json
import math
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, dataclass, fields
from inspect import Parameter
from typing import Any, ClassVar, Literal, Self, dataclass_transform, overload

from .errors import ConfigError, InputError, did_you_mean
from .files import json_text, write_json
from .kinds import check
from .signatures import is_of_the_library, showing, undecorated


@dataclass_transform(kw_only_default=True)
class Record:
    """Named values with defaults, to and from a dictionary.

    Class attributes:
        attribute_map: other spelling -> field; both can be read and written. What a base class has as a field and a subclass
            as another spelling is no field of the subclass.
    """

    attribute_map: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(init=False, repr=False, eq=False)(cls)
        maps = [vars(base).get("attribute_map", {}) for base in reversed(cls.__mro__)]
        cls.attribute_map = {other: name for table in maps for other, name in table.items()}
        for other in cls.attribute_map.keys() & cls.__dataclass_fields__.keys():  # type: ignore[attr-defined]
            del cls.__dataclass_fields__[other]  # type: ignore[attr-defined]
            setattr(cls, other, _another_spelling(cls.attribute_map[other]))
        cls._field_names = frozenset(field.name for field in fields(cls))  # type: ignore[arg-type]
        if is_of_the_library(cls.__init__):
            cls.__init__ = showing(undecorated(cls.__init__), cls._parameters())  # type: ignore[method-assign]

    _field_names: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def _parameters(cls) -> Iterator[Parameter]:
        """What the constructor takes: the fields, each by its name, and further keywords."""
        for field in fields(cls):  # type: ignore[arg-type]
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=field.type)
        yield Parameter("kwargs", Parameter.VAR_KEYWORD)

    def __init__(self, **values: Any) -> None:
        # What a user's own constructor hands on may be from a file.
        self._fill(values, from_caller=is_of_the_library(type(self).__init__))

    @overload
    @classmethod
    def from_dict(
        cls, config_dict: dict[str, Any], *, return_unused_kwargs: Literal[True], **overrides: Any
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_dict(
        cls, config_dict: dict[str, Any], *, return_unused_kwargs: Literal[False] = False, **overrides: Any
    ) -> Self: ...

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], *, return_unused_kwargs: bool = False, **overrides: Any) -> Any:
        """Build from what a file holds; unknown names are kept. `overrides` come from the caller and are checked.

        Args:
            return_unused_kwargs: leave out the overrides that are no settings, and return them in a second value.

        Raises:
            InputError: `config_dict` is no dictionary. ConfigError: values clash, or an override is a misspelt field.
        """
        if not isinstance(config_dict, dict):
            raise InputError(f"{cls.__name__} is made from a dictionary, found {type(config_dict).__name__}")
        if return_unused_kwargs:
            unused = {name: overrides.pop(name) for name in cls._unused(overrides, config_dict)}
            return cls.from_dict(config_dict, **overrides), unused
        self = cls.__new__(cls)
        self._refuse_misspelt(overrides)
        with _nesting(cls):
            config_dict = with_endless_numbers(config_dict)
        spelt = cls._said_by(overrides)
        stored = {name: value for name, value in config_dict.items() if cls.attribute_map.get(name, name) not in spelt}
        if not is_of_the_library(cls.__init__):  # a user's own constructor knows what its class has
            return cls(**{**stored, **overrides})
        self._fill({**stored, **overrides})
        return self

    @classmethod
    def _unused(cls, overrides: Iterable[str], stored: dict[str, Any]) -> list[str]:
        """Those of the overrides that are no settings of an object made from `stored`."""
        set_by_user = {} if is_of_the_library(cls.__init__) else vars(cls(**stored))
        names = {*dir(cls), *cls._field_names, *cls.attribute_map, *stored, *set_by_user}
        return [name for name in overrides if name not in names]

    @classmethod
    def _said_by(cls, overrides: Iterable[str]) -> set[str]:
        """The fields whose stored values these overrides take the place of."""
        return {cls.attribute_map.get(name, name) for name in overrides}

    def _fill(self, values: dict[str, Any], from_caller: bool = False) -> None:
        if from_caller:
            self._refuse_misspelt(values)
        for field in fields(self):  # type: ignore[arg-type]
            default = field.default if field.default is not MISSING else None
            # A user's own constructor may have set it before.
            self.__dict__.setdefault(field.name, field.default_factory() if field.default_factory is not MISSING else default)
        with _nesting(type(self)):
            values = copy.deepcopy(values)
        for name, value in values.items():
            if name in self._field_names or self._may_set(name, value):
                setattr(self, name, value)
        self._check(from_caller)

    def _check(self, from_caller: bool) -> None:
        """What an object is checked for that a caller made or changed, or that is made from what a file holds."""
        self.validate()

    def _may_set(self, name: str, value: Any) -> bool:
        """Whether to set what is no field. What the class says of itself (where it is stored, what follows) is left out.

        Raises:
            ConfigError: the name of a method, which the value would take the place of.
        """
        attribute = getattr(type(self), name, None)
        if name.startswith("__") or callable(attribute):
            raise ConfigError(f"{type(self).__name__}: {name!r} is no setting; found {value!r:.80}")
        return attribute.fset is not None if isinstance(attribute, property) else attribute is None

    def _refuse_misspelt(self, values: dict[str, Any]) -> None:
        names = {n for n in dir(type(self)) if not n.startswith("_")}
        settable = {n for kind in type(self).__mro__ for n, value in vars(kind).items() if isinstance(value, property)}
        settable = {n.removeprefix("_") for n in settable}  # `_attn_implementation` is passed as `attn_implementation`
        settable |= self._field_names | set(self.attribute_map)
        for name in values:
            near = "" if name in names | settable else did_you_mean(name, sorted(settable), cutoff=0.85)
            if near:
                raise ConfigError(f"{type(self).__name__} has no field {name!r:.80}.{near}")

    def validate(self) -> None:
        """Check each value against the annotation of its field; runs at construction. A subclass adds what must fit together.

        Raises:
            ConfigError: names the field, what was found and what was expected.
        """
        self.check_kinds()

    def check_kinds(self, aside: Container[str] = ()) -> None:
        """Check each value, but for those of the fields `aside`, against the annotation of its field.

        Raises:
            ConfigError: names the field, what was found and what was expected.
        """
        for field in fields(self):  # type: ignore[arg-type]
            value = self.__dict__[field.name]
            if value is not field.default and field.name not in aside:
                check(type(self).__name__, field.name, value, field.type)

    def __getattr__(self, name: str) -> Any:
        # Reached only when normal look-up fails: another spelling, or nothing.
        mapped = type(self).attribute_map.get(name)
        if mapped is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self, mapped)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(type(self).attribute_map.get(name, name), value)

    def to_dict(self) -> dict[str, Any]:
        """Every field and every kept unknown value, as plain JSON types; private names are left out."""
        with _nesting(type(self)):
            return {name: _plain(value) for name, value in self.__dict__.items() if not name.startswith("_")}

    def to_diff_dict(self) -> dict[str, Any]:
        """The values that differ from the defaults."""
        default = type(self)().to_dict()
        return {name: value for name, value in self.to_dict().items() if name not in default or default[name] != value}

    def shown_values(self) -> dict[str, Any]:
        """The values that are printed: those that are not None."""
        return {name: value for name, value in self.to_dict().items() if value is not None}

    def to_json_string(self, use_diff: bool = True) -> str:
        """The `shown_values`, or with `use_diff=False` every value, as sorted, indented JSON."""
        values = as_standard_json(self.shown_values() if use_diff else self.to_dict())
        return json_text(values, f"this {type(self).__name__}", sort_keys=True)

    def update(self, config_dict: dict[str, Any] | None = None, **more: Any) -> None:
        """Set several values at once and check them together."""
        if not isinstance(config_dict, Mapping | None):
            raise ConfigError(f"{type(self).__name__} is updated from a table of values; found {config_dict!r:.80}")
        values = {**(config_dict or {}), **more}
        self._refuse_misspelt(values)
        for name, value in values.items():
            setattr(self, name, value)
        self._check(from_caller=True)

    def to_json_file(self, json_file_path: str | os.PathLike[str], use_diff: bool = False) -> None:
        """Write every value (with `use_diff` those that differ from the defaults) to a file, whole or not at all."""
        write_json(json_file_path, as_standard_json(self.to_diff_dict() if use_diff else self.to_dict()), sort_keys=True)

    def update_from_string(self, update_str: str) -> None:
        """Set fields from text, `"hidden_size=24,hidden_act=relu"`; each value is read as what the field holds now.

        Raises:
            ConfigError: no field has that name, or the text is not of the kind of its value.
        """
        values: dict[str, Any] = {}
        for pair in update_str.split(","):
            name, equals, text = (word.strip() for word in pair.partition("="))
            if not equals or self.get(name, MISSING) is MISSING:
                near = "" if self.get(name, MISSING) is not MISSING else did_you_mean(name, sorted(self.to_dict()))
                raise ConfigError(f"{pair!r:.80} sets nothing of a {type(self).__name__}; expected name=value.{near}")
            values[name] = _read_as(name, self.get(name), text)
        self.update(values)

    def get(self, name: str, default: Any = None) -> Any:
        """The value called `name`, or `default` when this object has none of that name."""
        name = type(self).attribute_map.get(name, name)
        return self.__dict__.get(name, default)

    def declared(self, name: str, default: Any = None) -> Any:
        """The value of the field `name`; `default` in a class without this field, whatever a file held under the name."""
        name = type(self).attribute_map.get(name, name)
        return self.__dict__[name] if name in self._field_names else default

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string()}"


class PlacedRecord(Record):
    """A `Record` whose values may also come by place, in the order of the fields.

    Raises:
        ConfigError: there are more values than fields, or one comes by place and by name.
    """

    def __init__(self, *values: Any, **named: Any) -> None:
        names = [field.name for field in fields(self)]
        twice = [name for name in names[: len(values)] if name in named]
        if len(values) > len(names) or twice:
            problem = f"and {twice[0]} by name too" if twice else f"for {len(names)} fields ({', '.join(names)})"
            raise ConfigError(f"{type(self).__name__} got {len(values)} values by place {problem}; pass each once, by its name")
        super().__init__(**dict(zip(names, values, strict=False)), **named)

    @classmethod
    def _parameters(cls) -> Iterator[Parameter]:
        for each in super()._parameters():
            yield each.replace(kind=Parameter.POSITIONAL_OR_KEYWORD) if each.kind is Parameter.KEYWORD_ONLY else each


@contextmanager
def _nesting(kind: type[Record]) -> Iterator[None]:
    """Says in words what else ends in a RecursionError."""
    try:
        yield
    except RecursionError:
        raise ConfigError(
            f"{kind.__name__}: a value lies within itself, or in hundreds of lists and tables; expected fewer levels"
        ) from None


def _another_spelling(name: str) -> property:
    """Reads and writes the field `name`."""
    return property(lambda self: getattr(self, name), lambda self, value: setattr(self, name, value))


def _read_as(name: str, now: Any, text: str) -> Any:
    """`text` as a value of the kind of `now`."""
    if isinstance(now, bool):
        if text.lower() in ("true", "1", "y", "yes", "false", "0", "n", "no"):
            return text.lower() in ("true", "1", "y", "yes")
    elif isinstance(now, int | float):
        with suppress(ValueError):
            return type(now)(text)
    elif isinstance(now, str):
        return text
    kind = "true or false" if isinstance(now, bool) else type(now).__name__
    raise ConfigError(f"{name}={text}: {name} holds {now!r:.60} ({kind}), which {text!r:.60} cannot take the place of")


def as_standard_json(value: Any) -> Any:
    """`value` with each number that JSON has no word for as `{"__float__": "Infinity"}` (also "-Infinity", "NaN")."""
    if isinstance(value, dict):
        return {key: as_standard_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_standard_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": json.dumps(value)}
    return value


def with_endless_numbers(value: Any) -> Any:
    """Undo `as_standard_json`."""
    if isinstance(value, dict):
        if value.keys() == {"__float__"} and value["__float__"] in ("Infinity", "-Infinity", "NaN"):
            return float(value["__float__"])
        return {key: with_endless_numbers(item) for key, item in value.items()}
    return [with_endless_numbers(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """`value` as JSON types; anything that stores itself (`to_dict`) does so, a torch dtype becomes its short name."""
    if isinstance(value, Record) or (hasattr(value, "to_dict") and not isinstance(value, type)):
        return value.to_dict()
    if isinstance(value, dict):
        return {(key if isinstance(key, str | int) else str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if type(value).__module__ == "torch":  # torch.dtype, torch.device; torch itself need not be imported here
        return str(value).removeprefix("torch.")
    if type(value).__module__ == "numpy":
        return value.tolist()
    return copy.deepcopy(value)
