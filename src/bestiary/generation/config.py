"""`GenerationConfig`: everything that steers a generation, and where each value came from.

A field that is None has not been said. What counts in the end is, for each field by itself: the call, else the config
passed to the call, else the checkpoint's, else the default. `GenerationConfig.explain` shows value and origin.
"""

import json
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from ..cache.naming import kind_of
from ..core.config import as_standard_json
from ..core.errors import ArgumentError, ConfigError, PluginError
from ..core.files import folder_to_fill, write_json
from ..core.kinds import Natural
from ..core.logging import warn_once
from ..core.signatures import showing_options_of
from ..hub.files import HubOptions, get_file, inside
from ..hub.options import NameOrPath
from ..hub.pretrained import PretrainedRecord
from ..hub.push import uploader
from .choice import modes, strategy_name
from .options import Option, declared_by, options
from .watermark import as_watermark

# Without any length, so many new tokens are made, or fewer where the context ends.
DEFAULT_NEW_TOKENS = 20

# Settings without which others have no effect that no other argument gives them.
_SWITCHES = ("do_sample", "num_beams", "return_dict_in_generate")

# What `generate` takes and settings do not.
_ARGUMENTS = (
    "logits_processor", "stopping_criteria", "prefix_allowed_tokens_fn", "synced_gpus", "assistant_model", "streamer",
    "negative_prompt_ids", "negative_prompt_attention_mask",
)  # fmt: skip

# What means something else in a model's config: caching is a switch of every forward.
_OF_MODELS = ("use_cache", "dola_layers", "max_time")
# The parts of a model's config that write.
_DECODERS = ("decoder", "generator", "text_config")

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
    from .fields import GenerationMode as GenerationMode
else:
    GenerationMode = Enum("GenerationMode", {mode.upper(): mode for mode in modes().values()}, type=str, module=__name__)
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

    _from_model_config: ClassVar[bool | None] = None
    file_name: ClassVar[str] = "generation_config.json"

    def _check(self, from_caller: bool) -> None:
        """Check each value by itself; what a caller made also for values that no call can make fit together."""
        for name in self._field_names:
            value = self.__dict__[name]
            kind = type(value)
            if kind.__name__ in ("ndarray", "Tensor"):
                raise ConfigError(f"{name} is a {type(value).__name__}; expected plain numbers and lists: .tolist() gives them")
            if kind.__module__ == "numpy":  # its numbers are as good as Python's
                self.__dict__[name] = value.item()
            if name == "watermarking_config" and value is not None:
                self.__dict__[name] = as_watermark(value)
            elif isinstance(value, dict) and not all(isinstance(key, str) for key in value):
                self.__dict__[name] = [[list(key), item] for key, item in value.items()]  # JSON has no lists as keys
        super().validate()
        if from_caller:
            check_clashes(self)

    def validate(self, strict: bool = False, user_set_attributes: set[str] | None = None) -> None:
        """Check each value, whether they fit together, and whether each has an effect.

        Args:
            strict: refuse settings without effect; else they warn.
            user_set_attributes: what the caller typed. Where a switch (`do_sample=False`) is typed, what it makes ineffective
                only counts if it is typed too.

        Raises:
            ConfigError: names what does not fit.
        """
        self._check(from_caller=True)
        issues = self._issues(user_set_attributes or set())
        if issues and strict:
            raise ConfigError(f"GenerationConfig is invalid: {'; '.join(issues.values())}. Set what is missing, or None")
        for name, issue in issues.items():
            warn_once(f"useless-{name}", issue)

    def _issues(self, typed: set[str]) -> dict[str, str]:
        """Setting -> what is wrong with it, for those that would be ignored whatever else a call brings."""
        issues = {}
        for name, option in options().items():
            value, switch = self.__dict__[name], next((other for other in option.needs if other in _SWITCHES), None)
            if value is None or value == option.default or switch is None or any(self.is_set(other) for other in option.needs):
                continue
            if switch not in typed or name in typed or switch == "return_dict_in_generate":
                issues[name] = f"{name}={value} has no effect without {' or '.join(option.needs)}"
        for name in ("cache_implementation", "cache_config") if self.use_cache is False else ():
            if self.get(name) is not None:
                issues[name] = f"{name}={self.get(name)!r} has no effect with use_cache=False"
        if self.pad_token_id is not None and self.pad_token_id < 0:
            issues["pad_token_id"] = f"pad_token_id={self.pad_token_id} is no token, and rows that end early are filled with it"
        return issues

    def get_generation_mode(self, assistant_model: Any = None) -> GenerationMode:
        """The kind of decoding that the settings ask for, together with an `assistant_model`.

        Of settings that ask for two kinds the one counts that says how a token is chosen, with a warning; `generate` refuses
        them.

        >>> GenerationConfig(num_beams=2).get_generation_mode().value
        'beam_search'
        """
        return GenerationMode(modes()[strategy_name(self, are_final=False, assistant_model=assistant_model)])

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
    @showing_options_of(HubOptions)
    def from_pretrained(cls, pretrained_model_name: NameOrPath, config_file_name: str | None = None, **kwargs: Any) -> Any:
        """Read generation_config.json (or `config_file_name`); further keywords override what it holds.

        With `return_unused_kwargs=True` an empty dictionary comes back in a second value, for all of them are kept.
        """
        options, overrides = HubOptions.split(kwargs)
        split = overrides.pop("return_unused_kwargs", False)
        file = None if config_file_name is None else get_file(pretrained_model_name, config_file_name, options)
        settings = cls.from_dict(cls.get_dict(file or pretrained_model_name, options))
        settings.__dict__["_opened"] = settings.to_dict()
        if overrides:
            settings.update(allow_custom_entries=True, **overrides)
        return (settings, {}) if split else settings

    @classmethod
    def _unused(cls, overrides: Iterable[str], stored: dict[str, Any]) -> list[str]:
        return []

    @classmethod
    def from_model_config(cls, model_config: Any) -> Self:
        """The generation settings that older checkpoints keep in config.json (or a dictionary of what it holds); its special
        tokens always. What is to be recorded makes the result one with names."""
        if isinstance(model_config, Mapping):
            part: Any = next((model_config[name] for name in _DECODERS if model_config.get(name)), {})
        else:
            part = model_config.get_text_config(decoder=True)
        fields: dict[str, Any] = {}
        for name in cls._field_names - set(_OF_MODELS):
            values = [value for value in (model_config.get(name), part.get(name)) if value is not None]
            if values and values[0] != options()[name].default:
                fields[name] = values[0]
        if any(name in fields for name in ("output_attentions", "output_hidden_states")):
            fields["return_dict_in_generate"] = True
        settings = cls.from_dict(fields)
        settings.__dict__.update(_opened=settings.to_dict(), _from_model_config=True)
        return settings

    def update(self, defaults_only: bool = False, allow_custom_entries: bool = False, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Set several values at once and check them; returns the keywords that were not used.

        Args:
            defaults_only: only set what is None. allow_custom_entries: also set what is neither a field nor there already.

        Raises:
            ConfigError: a value is out of its range, values clash, or a new name looks like a misspelt field.
        """
        if not isinstance(defaults_only, bool) or not isinstance(allow_custom_entries, bool):
            raise ConfigError("GenerationConfig.update takes values by name: update(top_k=3), or update(**values)")
        known = {name for name in kwargs if name in self._field_names or name in self.__dict__}
        used = {name for name in known if not defaults_only or self.get(name) is None}
        used |= kwargs.keys() - known if allow_custom_entries else set()
        self._refuse_misspelt(dict.fromkeys(used))
        for name in used:
            setattr(self, name, kwargs[name])
        self._check(from_caller=True)
        return {name: value for name, value in kwargs.items() if name not in used}

    def to_json_string(
        self, use_diff: bool = True, ignore_metadata: bool = False, keys_to_pop: Iterable[str] | None = None
    ) -> str:
        """The values that are set, or with `use_diff=False` all, as sorted, indented JSON.

        Args:
            ignore_metadata: leave out which version wrote them. keys_to_pop: names to leave out.
        """
        values = self.to_diff_dict() if use_diff else self.to_dict()
        left_out = {*(keys_to_pop or ()), *(("transformers_version",) if ignore_metadata else ())}
        kept = as_standard_json({name: value for name, value in values.items() if name not in left_out})
        return json.dumps(kept, indent=2, sort_keys=True) + "\n"

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(item for item in self.to_diff_dict().items() if isinstance(item[1], str | int | float)))

    def to_json_file(
        self, json_file_path: str | os.PathLike[str], use_diff: bool = True, keys_to_pop: Iterable[str] | None = None
    ) -> None:
        """Write `to_json_string` to a file, whole or not at all."""
        write_json(json_file_path, json.loads(self.to_json_string(use_diff, keys_to_pop=keys_to_pop)))

    def save_pretrained(
        self, save_directory: NameOrPath, config_file_name: str | None = None, push_to_hub: bool = False, **kwargs: Any
    ) -> list[str]:
        """Write the values that are set into `save_directory`; returns the path. None is not stored: it says nothing.

        Raises:
            ConfigError: settings would have no effect (see `validate`), and were not opened like this.
        """
        if self.to_dict() != self.__dict__.get("_opened"):
            self.validate(strict=True)
        upload = uploader(push_to_hub, kwargs, "GenerationConfig.save_pretrained")
        path = str(folder_to_fill(save_directory) / inside(config_file_name or self.file_name))
        self.to_json_file(path, keys_to_pop=("compile_config",))
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


def check_clashes(settings: GenerationConfig) -> None:
    """Refuse settings that contradict each other whatever else a call brings.

    Raises:
        ConfigError: names them.
    """
    copies, beams = settings.effective("num_return_sequences"), settings.effective("num_beams")
    if copies > 1 and not settings.do_sample and beams == 1:
        raise ConfigError(
            f"num_return_sequences={copies} with do_sample=False and num_beams=1 would give equal rows; set do_sample"
        )
    if copies > beams > 1:
        raise ConfigError(f"num_return_sequences={copies} is more than num_beams={beams}: there is one row for each beam")
    for name in ("forced_bos_token_id", "forced_eos_token_id"):
        forced = settings.get(name)
        forced = set() if forced is None else {forced} if isinstance(forced, int) else set(forced)
        if forced and forced <= set(settings.suppress_tokens or ()):
            raise ConfigError(f"{name}={settings.get(name)} is forced and suppressed at once")
    weight = settings.assistant_ensemble_weight
    if weight is not None and not 0 < weight < 1:
        raise ConfigError(f"assistant_ensemble_weight is {weight!r}; expected a number between 0 and 1, without these")
    for name in _ARGUMENTS:
        if name in settings.__dict__:
            raise ConfigError(f"{name} is no setting but an argument of generate; pass it there")
    if settings.cache_implementation is not None:
        kind_of(settings.cache_implementation)


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
    sources = {"checkpoint": from_checkpoint, "config": {} if config is None else _said(config), "call": call}
    for origin, fields in sources.items():
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
