"""`GenerationConfig`: everything that steers a generation, and where each value came from.

A field that is None has not been said. What counts in the end is, for each field by itself: the call, else the config
passed to the call, else the checkpoint's, else the default. `GenerationConfig.explain` shows value and origin.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from ..core.config import as_standard_json
from ..core.errors import ArgumentError, ConfigError, PluginError
from ..core.files import folder_to_fill, write_json
from ..core.kinds import Natural
from ..hub.files import HubOptions, get_file, inside
from ..hub.options import NameOrPath
from ..hub.pretrained import PretrainedRecord
from ..hub.push import uploader
from .options import Option, declared_by, options

# Without any length, so many new tokens are made, or fewer where the context ends.
DEFAULT_NEW_TOKENS = 20

# Where a value can come from, the nearest last.
SOURCES = ("default", "checkpoint", "config", "call")

# What means something else in a model's config: recording and caching are switches of every forward.
_OF_MODELS = ("output_attentions", "output_hidden_states", "use_cache", "dola_layers", "max_time")

# Those that decoding itself acts on.
OPTIONS = {
    "max_length": Option(Natural),
    "max_new_tokens": Option(Natural),
    "num_return_sequences": Option(Natural, default=1),
    "use_cache": Option(bool, default=True),
    "cache_implementation": Option(str),
    "cache_config": Option(Any, needs=("cache_implementation",)),
    "max_cache_len": Option(Natural, needs=("cache_implementation",)),
    "prefill_chunk_size": Option(Natural),
    "return_dict_in_generate": Option(bool, default=False),
    "output_attentions": Option(bool, default=False, needs=("return_dict_in_generate",)),
    "output_hidden_states": Option(bool, default=False, needs=("return_dict_in_generate",)),
    "output_scores": Option(bool, default=False, needs=("return_dict_in_generate",)),
    "output_logits": Option(bool, default=False, needs=("return_dict_in_generate",)),
    "output_token_logprobs": Option(bool, default=False, needs=("return_dict_in_generate",)),
    "return_legacy_cache": Option(bool, needs=("return_dict_in_generate",)),
    "pad_token_id": Option(int),
    "bos_token_id": Option(int),
    "eos_token_id": Option(int | list[int]),
    "decoder_start_token_id": Option(int | list[int]),
    "is_assistant": Option(bool),
    "continuous_batching_config": Option(Any),
    "use_mtp": Option(bool, supported=False),
    "speculation_type": Option(str, supported=False),
}

if TYPE_CHECKING:
    from .fields import Fields
else:
    Fields = type(
        "Fields",
        (PretrainedRecord,),
        {"__annotations__": {name: option.kind | None for name, option in options().items()}, **dict.fromkeys(options())},
    )


class GenerationConfig(Fields):
    """Settings of a generation, under their published names; stored in generation_config.json.

    Its fields are the options that the files of generation declare (see `options`); `fields.pyi` lists them. Unknown keywords
    are kept (checkpoints carry their own), unless they look like a misspelt field.

    Length, in tokens: `max_new_tokens`, or `max_length` with the prompt; `min_new_tokens`, or `min_length` with the prompt.
    `max_time` in seconds. `stop_strings` end a row whose text holds one of them.
    Choice: `do_sample`, `num_beams`, `num_return_sequences`, and what else picks a strategy: one file of `strategies/` each.
    Cache: `use_cache`, `cache_implementation` (a file name of `cache/kinds/`), `cache_config` (its options, a dictionary or
    an object such as `QuantizedCacheConfig`), `max_cache_len`. `prefill_chunk_size`: tokens of the prompt seen at a time.
    Scores: one file of `processors/` each.
    Result: `return_dict_in_generate`, and with it `output_scores`, `output_logits`, `output_token_logprobs`,
    `output_attentions`, `output_hidden_states`, `return_legacy_cache`.

    Raises:
        ConfigError: a value is out of its range, or a keyword is misspelt.
    """

    file_name: ClassVar[str] = "generation_config.json"

    def validate(self) -> None:
        """Check each value by itself; what must fit together is checked when a call has settled all values."""
        for name in self._field_names:
            value = self.__dict__[name]
            kind = type(value)
            if kind.__name__ in ("ndarray", "Tensor"):
                raise ConfigError(f"{name} is a {type(value).__name__}; expected plain numbers and lists: .tolist() gives them")
            if kind.__module__ == "numpy":  # its numbers are as good as Python's
                self.__dict__[name] = value.item()
            if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
                self.__dict__[name] = [[list(key), item] for key, item in value.items()]  # JSON has no lists as keys
        super().validate()

    @classmethod
    def names(cls) -> frozenset[str]:
        """The names of all fields."""
        return cls._field_names

    @overload  # type: ignore[override]  # as published, the first argument is called otherwise here
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name: NameOrPath,
        config_file_name: str | None = None,
        *,
        return_unused_kwargs: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name: NameOrPath,
        config_file_name: str | None = None,
        *,
        return_unused_kwargs: Literal[False] = False,
        **kwargs: Any,
    ) -> Self: ...

    @classmethod
    def from_pretrained(cls, pretrained_model_name: NameOrPath, config_file_name: str | None = None, **kwargs: Any) -> Any:
        """Read generation_config.json (or `config_file_name`); further keywords override what it holds.

        With `return_unused_kwargs=True`, keywords that are no field come back in a second value instead.
        """
        split = kwargs.pop("return_unused_kwargs", False)
        options, overrides = HubOptions.split(kwargs)
        rest = {name: value for name, value in overrides.items() if name not in cls._field_names} if split else {}
        named = (
            pretrained_model_name if config_file_name is None else get_file(pretrained_model_name, config_file_name, options)
        )
        values = cls.get_dict(named, options)
        settings = cls.from_dict(values, **{name: value for name, value in overrides.items() if name not in rest})
        return (settings, rest) if split else settings

    @classmethod
    def from_model_config(cls, model_config: Any) -> Self:
        """The generation settings that older checkpoints keep in config.json; its special tokens always."""
        fields: dict[str, Any] = {}
        for config in (model_config, model_config.get_text_config(decoder=True)):
            for name in cls._field_names:
                value = config.get(name)
                if value is not None and value != options()[name].default and name not in _OF_MODELS:
                    fields[name] = value
        return cls.from_dict(fields)

    def update(self, values: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # type: ignore[override]
        """Set several fields at once and check them; returns the keywords that are no fields."""
        fields = {**(values or {}), **more}
        super().update({name: value for name, value in fields.items() if name in self._field_names or name in self.__dict__})
        return {name: value for name, value in fields.items() if name not in self.__dict__}

    def save_pretrained(
        self, save_directory: NameOrPath, config_file_name: str | None = None, push_to_hub: bool = False, **kwargs: Any
    ) -> list[str]:
        """Write the values that are set into `save_directory`; returns the path. None is not stored: it says nothing."""
        upload = uploader(push_to_hub, kwargs, "GenerationConfig.save_pretrained")
        path = str(folder_to_fill(save_directory) / inside(config_file_name or self.file_name))
        write_json(path, as_standard_json({name: value for name, value in self.to_dict().items() if value is not None}))
        upload(save_directory)
        return [path]

    def effective(self, name: str) -> Any:
        """The value that counts: the field's own, or the default."""
        value = self.get(name)
        return default_of(name) if value is None else value

    def is_set(self, name: str) -> bool:
        """Whether the value of `name` asks for anything."""
        value = self.effective(name)
        return bool(value) and (name not in options() or options()[name].asks(value))

    def origin(self, name: str) -> str:
        """Where the effective value of `name` came from: "call", "config", "checkpoint" or "default"."""
        origins: dict[str, str] = self.__dict__.get("_origins", {})
        return origins.get(name, "default" if self.get(name) is None else "config")

    def explain(self) -> dict[str, tuple[Any, str]]:
        """For every field that has an effect, its value and its origin.

        >>> GenerationConfig(top_k=5).explain()["top_k"]
        (5, 'config')
        """
        shown = sorted({name for name in self.to_dict() if self.effective(name) is not None})
        return {name: (self.effective(name), self.origin(name)) for name in shown}


def check_option_names() -> None:
    """Refuse options that would hide what `GenerationConfig` has.

    Raises:
        PluginError: names the file.
    """
    for name in options():
        if any(name in vars(kind) for kind in GenerationConfig.__mro__ if kind is not Fields):
            raise PluginError(f"{declared_by(name)}: OPTIONS has {name!r}, a method of GenerationConfig; rename the option")


check_option_names()


def default_of(name: str) -> Any:
    """What counts where nobody has set `name`."""
    return options()[name].default if name in options() else None


def resolve(
    call: dict[str, Any],
    config: GenerationConfig | None,
    checkpoint: GenerationConfig | None,
    use_model_defaults: bool | None = None,
) -> GenerationConfig:
    """The settings of one call, a new object: each field from the call, else `config`, else `checkpoint`, else the default.

    Args:
        use_model_defaults: False takes nothing but the special tokens from the checkpoint.

    Raises:
        ConfigError: a value is out of range. ArgumentError: `config` is something else.
    """
    if not isinstance(config, GenerationConfig | None):
        raise ArgumentError(f"generation_config is {config!r:.80}; expected a GenerationConfig, or the settings as keywords")
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    from_checkpoint = {} if checkpoint is None else _said(checkpoint)
    if use_model_defaults is False and config is not None:
        from_checkpoint = {name: value for name, value in from_checkpoint.items() if name.endswith("_token_id")}
    for origin, fields in (
        ("checkpoint", from_checkpoint),
        ("config", {} if config is None else _said(config)),
        ("call", call),
    ):
        for name, value in fields.items():
            if value is not None:
                values[name], origins[name] = value, origin
    for name, option in options().items():
        if option.default is not None and values.get(name) is None:
            values[name], origins[name] = option.default, "default"
    settings = GenerationConfig.from_dict(values)
    settings.__dict__["_origins"] = origins
    return settings


def _said(config: GenerationConfig) -> dict[str, Any]:
    return {name: value for name, value in config.__dict__.items() if value is not None and not name.startswith("_")}
