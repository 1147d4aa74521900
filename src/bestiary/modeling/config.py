"""`PreTrainedConfig`: the hyperparameters of a model, as its config.json holds them."""

from collections.abc import Iterable, Iterator
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from ..cache.layer_types import check_kinds
from ..core.errors import ArgumentError, ConfigError, did_you_mean
from ..core.kinds import Count, Size, check, fits
from ..core.logging import warn_once
from ..core.signatures import is_of_the_library, showing_options_of
from ..hub.code.options import CodeOptions
from ..hub.code.saving import registers_for
from ..hub.files import HubOptions, file_itself, get_file, gguf_itself, gguf_place, of_release
from ..hub.options import NameOrPath
from ..hub.pretrained import PretrainedRecord
from .config_properties import get_dtype, get_kernel, set_dtype, set_kernel

TWO_LABELS = {0: "LABEL_0", 1: "LABEL_1"}
# What the file of a model of several parts says of its half for texts too, where the half may say otherwise.
_OF_ALL_PARTS = ("tie_word_embeddings", "dtype", "torch_dtype", "quantization_config", "id2label", "label2id", "problem_type")
# What every config has here, and a published one only where its family declares it: files of other families do not name it.
_OF_SOME_FAMILIES = frozenset({"is_decoder", "add_cross_attention", "use_cache", "tie_word_embeddings", "pruned_heads"})
_OF_SOME_FAMILIES |= {"bos_token_id", "eos_token_id", "pad_token_id"}


class PreTrainedConfig(PretrainedRecord):
    """Base of every family's config.

    Class attributes:
        model_type: the key that config.json holds, and the name of the family's folder (or of a part of it).
        sub_configs: field -> config class, for models made of parts.
        attribute_map: other spelling -> field.
        internal_map: other spelling -> field, for modules that many families share; in a file, or said by a caller, these
            spellings are of no effect, as published.
        no_effect: fields of relatives that this family's published config lacks; a value that is said is of no effect either.
        older_kinds: what files hold beside the fields, and `validate` reads -> its kind.
    """

    file_name: ClassVar[str] = "config.json"
    model_type: ClassVar[str] = ""
    sub_configs: ClassVar[dict[str, type["PreTrainedConfig"]]] = {}
    divided_at_once: ClassVar[tuple[str, ...]] = ("n_group",)
    older_kinds: ClassVar[dict[str, Any]] = {}
    attribute_map: ClassVar[dict[str, str]] = {"torch_dtype": "dtype"}
    internal_map: ClassVar[dict[str, str]] = {}
    no_effect: ClassVar[frozenset[str]] = frozenset()
    register_for_auto_class = registers_for("AutoConfig")
    _attn_implementation = property(get_kernel, set_kernel)

    architectures: list[str] | None = None
    dtype: Any = None
    output_hidden_states: bool = False
    output_attentions: bool = False
    return_dict: bool = True
    is_encoder_decoder: bool = False
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    id2label: dict[int, str] | None = None
    label2id: dict[str, int] | None = None
    problem_type: str | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None
    chunk_size_feed_forward: Count = 0
    pruned_heads: dict[int, list[int]] = field(default_factory=dict)
    _undeclared: ClassVar[frozenset[str]] = _OF_SOME_FAMILIES

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # As published, embeddings of a type that somebody else wrote are tied only where its config says so.
        if PreTrainedConfig in cls.__bases__ and not is_of_the_library(cls) and "tie_word_embeddings" not in vars(cls):
            cls.__annotations__ = {**vars(cls).get("__annotations__", {}), "tie_word_embeddings": bool}
            cls.tie_word_embeddings = False
        published, internal = (vars(cls).get(name, {}) for name in ("attribute_map", "internal_map"))
        cls.attribute_map = {**published, **internal}
        super().__init_subclass__(**kwargs)
        cls.older_kinds = _merged(cls, "older_kinds")
        cls.internal_map = {
            name: field
            for name, field in _merged(cls, "internal_map").items()
            if name in internal or name not in {*published, *cls._field_names}
        }
        below = cls.__mro__[: cls.__mro__.index(PreTrainedConfig)]
        declared = {name for kind in below for name in vars(kind).get("__annotations__", ())}
        cls._undeclared = _OF_SOME_FAMILIES - declared

    def _fill(self, values: dict[str, Any], from_caller: bool = False) -> None:
        self.__dict__["_name_or_path"] = values.get("_name_or_path", "")
        chosen = values.get("_attn_implementation", values.get("attn_implementation"))
        self.__dict__["_attn_implementation"] = None
        aside = ("model_type", "_name_or_path", "_attn_implementation", "attn_implementation", "transformers_version")
        # Where the default is 0 or false, and null says nothing else, it says the same.
        off = {each.name for each in fields(self) if each.default in (0, False) and not fits(None, each.type)}
        values = {k: value for k, value in values.items() if k not in aside and not (value is None and k in off)}
        kernels = str | dict[str, str] | None  # of all parts, or of each by its name
        check(type(self).__name__, "attn_implementation", chosen, kernels)
        labels = values.pop("num_labels", None)
        strays = {name: values.pop(name) for name in {*self.internal_map, *self.no_effect} & values.keys()}
        super()._fill(values, from_caller)
        for name, value in strays.items():
            if value != (kept := self.get(name)):
                what = f"{type(self).__name__}: {name}={value!r:.40} has no effect"
                warn_once(f"stray-{name}", f"{what}; {self.internal_map.get(name, name)} is {kept!r}")
        if chosen is not None:
            set_kernel(self, chosen)
        if labels is not None and labels != self.num_labels:
            self.num_labels = labels

    def _check(self, from_caller: bool) -> None:
        """Check the kind of each value before anything follows from one, then what must fit together.

        The class of somebody else may bring its values into their kinds itself, in its `validate`.
        """
        if is_of_the_library(type(self)):
            self.read_tables()
            for name in self.older_kinds.keys() & self.__dict__.keys():
                check(type(self).__name__, name, self.__dict__[name], self.older_kinds[name])
            self.check_kinds(aside=self.sub_configs)  # which `validate` makes of tables
        self.validate()

    def read_tables(self) -> None:
        """Bring tables of numbers into their form, whose keys JSON writes as texts."""
        self.pruned_heads = _by_number(self.pruned_heads or {})
        if self.id2label:
            self.id2label = _by_number(self.id2label)
            check(type(self).__name__, "id2label", self.id2label, dict[int, str])

    def validate(self) -> None:
        """Convert sub-configs and labels, then check every value.

        Raises:
            ConfigError: a value is not of the kind that its field declares, or `layer_types` has another number of layers.
        """
        for name, kind in self.sub_configs.items():
            sub_config = self.__dict__.get(name)
            if isinstance(sub_config, dict):
                self.__dict__[name] = kind.from_dict({k: v for k, v in sub_config.items() if k != "model_type"})
            elif sub_config is None:
                self.__dict__[name] = kind()
            elif not isinstance(sub_config, PreTrainedConfig):
                raise ConfigError(
                    f"{type(self).__name__}: {name} is {sub_config!r:.80}; expected {kind.__name__} or a table of its values"
                )
        self.read_tables()
        labels = self.id2label = self.id2label or dict(TWO_LABELS)
        if self.label2id is None:
            self.label2id = {value: key for key, value in labels.items()}
        super().validate()
        kinds, count = self.get("layer_types"), self.get("num_hidden_layers")
        if isinstance(kinds, list):
            if is_of_the_library(type(self)):
                check_kinds(type(self).__name__, kinds)
            if len(kinds) != (count or 0):
                raise self._misfit(len(kinds), count)
        elif kinds is not None and is_of_the_library(type(self)):
            raise ConfigError(f"{type(self).__name__}: layer_types is {kinds!r:.80}; expected a list, the kind of each layer")

    def divides(self, whole: str, part: str) -> None:
        """Refuse, naming both, when `part` does not divide `whole`: at once if `divided_at_once` has `part`, else in a model.

        As published: a config may be made before all of its sizes are known.
        """
        self.__dict__.setdefault("_divisions", {})[whole, part] = None
        if part in self.divided_at_once:
            self.check_divisions()

    def check_divisions(self) -> None:
        """Refuse sizes of which no model can be made.

        Raises:
            ConfigError: names two, the first no multiple of the second.
        """
        for whole, part in self.__dict__.get("_divisions", ()):
            size, by = self.get(whole), self.get(part)
            if not isinstance(size, int) or not isinstance(by, int) or by < 1 or size % by:
                raise ConfigError(f"{type(self).__name__}: {whole} ({size}) is not a multiple of {part} ({by})")

    @property
    def padding_row(self) -> int | None:
        """The row of the token embeddings that stays zero, the pad token's.

        Raises:
            ConfigError: the vocabulary does not hold it.
        """
        pad, size = self.pad_token_id, self.get("vocab_size")
        if pad is not None and not -size <= pad < size:
            raise ConfigError(f"{type(self).__name__}: pad_token_id is {pad}, outside of the vocabulary of {size} (vocab_size)")
        return pad

    @property
    def output_size(self) -> int:
        """The width of the states that a head gets."""
        return int(self.get("hidden_size"))

    @property
    def first_position(self) -> int:
        """The position of a text's first token; a family whose positions begin later than 0 overrides this."""
        return 0

    if TYPE_CHECKING:  # a checker takes the fields alone for keywords, and these are keywords too
        num_labels: int = 2
        torch_dtype: Any = None
        attn_implementation: str | dict[str, str] | None = None
    else:

        @property
        def num_labels(self) -> int:
            """N, the width of a classification head; setting another renames the labels LABEL_0, LABEL_1, ..."""
            return len(self.id2label or TWO_LABELS)

        @num_labels.setter
        def num_labels(self, count: int) -> None:
            check(type(self).__name__, "num_labels", count, Size)
            if count == len(self.id2label or ()):
                return
            self.id2label = {i: f"LABEL_{i}" for i in range(count)}
            self.label2id = {label: i for i, label in self.id2label.items()}

    @property
    def _attn_implementation_internal(self) -> Any:
        """Another published name of `_attn_implementation`."""
        return self.__dict__["_attn_implementation"]

    @_attn_implementation_internal.setter
    def _attn_implementation_internal(self, value: Any) -> None:
        self.__dict__["_attn_implementation"] = value

    @property
    def name_or_path(self) -> str:
        """The folder or the name on the hub that it was loaded from."""
        return str(self.__dict__["_name_or_path"])

    @name_or_path.setter
    def name_or_path(self, value: str) -> None:
        self.__dict__["_name_or_path"] = str(value)

    @property
    def use_return_dict(self) -> bool:
        """The older name of `return_dict`."""
        return self.return_dict

    def parts(self) -> dict[str, "PreTrainedConfig"]:
        """This config under the name "", and those of the parts of a composite model under the names of their fields."""
        return {"": self, **{name: value for name, value in self.__dict__.items() if isinstance(value, PreTrainedConfig)}}

    def check_parts(self, keyword: str, names: Iterable[str]) -> None:
        """Refuse `names`, the keys of what was passed as `keyword`, that are no parts of the model.

        Raises:
            ArgumentError: names the parts there are.
        """
        for name in names:
            if name not in (parts := self.parts()):
                near = did_you_mean(name, list(parts))
                raise ArgumentError(
                    f"{keyword} has {name!r:.80}, no part of {type(self).__name__}.{near} Expected '' (the model itself)"
                    + "".join(f" or {part!r}" for part in parts if part)
                )

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> "PreTrainedConfig":
        """The config of the part that handles text: a sub-config in models made of parts, else itself.

        Args:
            decoder, encoder: which part of a model that has two for texts, the one that writes them or the one that reads them.

        Raises:
            ConfigError: there are several such parts, and the arguments do not say which.
        """
        reading, writing = ("text_encoder",), ("decoder", "generator", "text_config")
        names = reading + writing if decoder == encoder else writing if decoder else reading
        parts = [name for name in names if isinstance(self.get(name), PreTrainedConfig)]  # a file of the whole may hold more
        if len(parts) > 1:
            raise ConfigError(
                f"{type(self).__name__} has several parts for texts ({', '.join(parts)}); expected one. Pass decoder=True or"
                f" encoder=True, or read config.{parts[0]}"
            )
        part: PreTrainedConfig = self.get(parts[0]) if parts else self
        return part

    def layer_kinds(self) -> tuple[str, ...]:
        """The kind of each layer, of an encoder-decoder in the decoder: it decides what a layer looks at and a cache keeps.

        They are those of the field `layer_types`; without it, "sliding_attention" where `sliding_window` is set (and
        `use_sliding_window` is not false), else "full_attention". A family whose file says it otherwise overrides this.

        Raises:
            ConfigError: `num_hidden_layers` is no number, or `layer_types` has fewer layers. It may have more in a config that
                was changed, as published.
        """
        count, kinds = self.get("num_hidden_layers") or 0, self.declared("layer_types")
        if not isinstance(count, int):
            raise ConfigError(f"{type(self).__name__}: num_hidden_layers is {count!r:.80}; expected a whole number of layers")
        if kinds is None:
            slides = self.declared("sliding_window") is not None and self.declared("use_sliding_window", True)
            return ("sliding_attention" if slides else "full_attention",) * count
        if len(kinds) < count:
            raise self._misfit(len(kinds), count)
        return tuple(kinds[:count])

    def _misfit(self, kinds: int, count: int) -> ConfigError:
        return ConfigError(f"{type(self).__name__}: layer_types names {kinds} layers, and num_hidden_layers is {count}")

    @property
    def cache_heads(self) -> tuple[int, int]:
        """Number and width of the heads whose keys and values a cache keeps, in each layer."""
        heads = self.get("num_attention_heads")
        return self.get("num_key_value_heads") or heads, self.get("head_dim") or self.get("hidden_size") // heads

    @property
    def cache_value_size(self) -> int:
        """The width of the values there, where that is not the keys'."""
        return self.cache_heads[1]

    def cache_shape(self, layer_idx: int) -> tuple[int, int, int]:
        """Of layer `layer_idx`: the number of heads that a cache keeps, and the width of their keys and of their values."""
        return *self.cache_heads, self.cache_value_size

    @overload
    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: NameOrPath, *, return_unused_kwargs: Literal[True], **kwargs: Any
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: NameOrPath, *, return_unused_kwargs: Literal[False] = False, **kwargs: Any
    ) -> Self: ...

    @classmethod
    @showing_options_of(HubOptions)
    def from_pretrained(cls, pretrained_model_name_or_path: NameOrPath, **kwargs: Any) -> Any:
        """Read config.json, or the metadata of the GGUF file `gguf_file`; other keywords override its values.

        With `return_unused_kwargs=True`, keywords that are no field come back in a second value instead.
        A file of another `model_type` is read as if it were of this one, with a warning.
        """
        _, kwargs = CodeOptions.split(kwargs)  # a class that is here needs no code of a checkpoint
        options, overrides = HubOptions.split(kwargs)
        _, source = gguf_place(pretrained_model_name_or_path, overrides.pop("gguf_file", None), options)
        values = cls._part_of_this_type(cls.get_dict(source, options))
        return cls.from_dict(values, **overrides)

    @classmethod
    def get_dict(cls, name_or_path: NameOrPath, options: HubOptions = HubOptions()) -> dict[str, Any]:
        """The raw content of config.json, or of the form of it for this release, which `configuration_files` there names.

        Of a GGUF file it is what its metadata say.
        """
        if (file := gguf_itself(name_or_path)) is not None:
            from ..loading.gguf.config import config_values  # such files alone need it

            return config_values(file)
        values = super().get_dict(name_or_path, options)
        name = of_release(cls.file_name, values.get("configuration_files"))
        if name == cls.file_name:
            return values
        beside = file_itself(name_or_path)
        return super().get_dict(get_file(name_or_path, name, options) if beside is None else beside.with_name(name))

    @classmethod
    def get_config_dict(cls, pretrained_model_name_or_path: NameOrPath, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The content of config.json as it is, and the keywords that do not say where it lies."""
        options, others = HubOptions.split(kwargs)
        _, source = gguf_place(pretrained_model_name_or_path, others.pop("gguf_file", None), options)
        return cls.get_dict(source, options), others

    @classmethod
    def _part_of_this_type(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values themselves, or the part of a composite file that is of this class's kind."""
        model_type = values.get("model_type")
        if not cls.model_type or model_type in (None, cls.model_type):
            return values
        for name, part in values.items():
            if isinstance(part, dict) and part.get("model_type") == cls.model_type:
                of_all = {key: values[key] for key in _OF_ALL_PARTS if key in values}
                return {**part, **of_all} if name == "text_config" else part
        for name in ("text_config", "vision_config", "audio_config"):
            if cls.model_type.endswith(f"{name.removesuffix('_config')}_model") and isinstance(values.get(name), dict):
                return dict(values[name])
        architectures = values.get("architectures")
        saved = f" and holds a {' or '.join(architectures)}" if fits(architectures, list[str]) and architectures else ""
        warn_once(
            "model-type",
            f"{cls.__name__} is for model_type {cls.model_type!r}; this checkpoint is of {model_type!r:.60}{saved} and read as "
            "the former. The AutoModel classes choose by themselves",
        )
        return {name: value for name, value in values.items() if name != "model_type"}

    @classmethod
    def _unused(cls, overrides: Iterable[str], stored: dict[str, Any]) -> list[str]:
        return [name for name in super()._unused(overrides, stored) if name != "attn_implementation"]

    def __iter__(self) -> Iterator[str]:
        """The names of its values."""
        return iter(self.__dict__)

    def __eq__(self, other: object) -> bool:
        """Whether the other is of this class and has the same values, wherever either was opened from."""
        return type(self) is type(other) and self._compared() == other._compared()

    __hash__ = None  # type: ignore[assignment]

    def _compared(self) -> dict[str, Any]:
        return {name: value for name, value in self.to_dict().items() if name != "_name_or_path"}

    def to_dict(self) -> dict[str, Any]:
        """Every value of the family, with `model_type` and where it was opened from, as plain JSON types.

        What all configs have here, and the family does not declare, is among them where it is not as usual.
        """
        values = {**super().to_dict(), "_name_or_path": self.name_or_path, "model_type": self.model_type}
        usual: dict[str, Any] = {each.name: each.default for each in fields(PreTrainedConfig)} | {"pruned_heads": {}}
        return {name: value for name, value in values.items() if not (name in self._undeclared and value == usual[name])}

    def to_diff_dict(self) -> dict[str, Any]:
        """What config.json holds: the family's values, and those of every config where they are not the usual ones.

        The same of the parts of a model.
        """
        usual = PreTrainedConfig().to_dict()
        changed = {each.name for each in fields(self) if each.default is not None and each.default != usual.get(each.name)}
        values = {
            name: value
            for name, value in self.to_dict().items()
            if name != "_name_or_path" and (name in changed or name not in usual or value != usual[name])
        }
        return {**values, **{name: part.to_diff_dict() for name, part in self.parts().items() if name}}

    shown_values = stored_values = to_diff_dict

    def to_json_file(self, json_file_path: NameOrPath, use_diff: bool = True) -> None:
        """Write `to_diff_dict`, or with `use_diff=False` every value, to a file, whole or not at all."""
        super().to_json_file(json_file_path, use_diff)


# Not in the body of the class, where a property would be taken for the default of the field.
PreTrainedConfig.dtype = property(get_dtype, set_dtype)


def _merged(kind: type, name: str) -> dict[str, Any]:
    """The tables of this name of a class and its bases, as one."""
    return {key: value for base in reversed(kind.__mro__) for key, value in vars(base).get(name, {}).items()}


def _by_number(table: Any) -> Any:
    """A table with numbers for keys, which JSON writes as texts, and texts for labels; anything else is left to be refused."""
    if isinstance(table, dict) and all(str(key).isdecimal() for key in table):
        return {int(key): str(value) if isinstance(value, int) else value for key, value in table.items()}
    return table


PretrainedConfig = PreTrainedConfig  # the spelling of releases before 5
