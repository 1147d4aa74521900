"""`GenerationConfig`: everything that steers a generation, and where each value came from.

A field that is None has not been said. What counts in the end is, for each field by itself: the call, else the config
passed to the call, else the checkpoint's, else the default. `GenerationConfig.explain` shows value and origin.
"""

import os
from typing import Any, ClassVar, Self

from ..core.errors import ArgumentError, ConfigError
from ..core.files import folder_to_fill, write_json
from ..hub.files import HubOptions, get_file, inside
from ..hub.pretrained import PretrainedRecord

# What a field that nobody has set counts as. Without any length, 20 new tokens are made, or fewer where the context ends.
DEFAULTS: dict[str, Any] = {
    "min_length": 0,
    "do_sample": False,
    "use_cache": True,
    "early_stopping": False,
    "num_beams": 1,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "num_return_sequences": 1,
    "output_scores": False,
    "output_logits": False,
    "output_token_logprobs": False,
    "output_attentions": False,
    "output_hidden_states": False,
    "return_dict_in_generate": False,
    "remove_invalid_values": False,
    "renormalize_logits": False,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "encoder_repetition_penalty": 1.0,
    "num_assistant_tokens": 20,
    "num_assistant_tokens_schedule": "constant",
    "assistant_confidence_threshold": 0.4,
    "assistant_lookbehind": 10,
    "target_lookbehind": 10,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
}
DEFAULT_NEW_TOKENS = 20

# field -> (least, most) allowed; None is no bound.
_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "max_length": (1, None),
    "max_new_tokens": (1, None),
    "min_length": (0, None),
    "min_new_tokens": (0, None),
    "max_cache_len": (1, None),
    "prefill_chunk_size": (1, None),
    "num_beams": (1, None),
    "num_return_sequences": (1, None),
    "temperature": (0, None),
    "top_k": (0, None),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "top_h": (0, 1),
    "typical_p": (0, 1),
    "epsilon_cutoff": (0, 1),
    "eta_cutoff": (0, 1),
    "no_repeat_ngram_size": (0, None),
    "encoder_no_repeat_ngram_size": (0, None),
    "max_time": (0, None),
}
_POSITIVE = ("repetition_penalty", "encoder_repetition_penalty")


class GenerationConfig(PretrainedRecord):
    """Settings of a generation, under their published names; stored in generation_config.json.

    Unknown keywords are kept (checkpoints carry their own), unless they look like a misspelt field.

    Length, in tokens: `max_new_tokens`, or `max_length` with the prompt; `min_new_tokens`, or `min_length` with the prompt.
    `max_time` in seconds. `stop_strings` end a row whose text holds one of them.
    Choice: `do_sample`, `num_beams`, `num_return_sequences`, and what else picks a strategy (see `strategies`).
    Cache: `use_cache`, `cache_implementation` (a file name of `cache/`), `cache_config` (its options, a dictionary or
    an object such as `QuantizedCacheConfig`), `max_cache_len`. `prefill_chunk_size`: tokens of the prompt seen at a time.
    Scores: one file of `processors/` each.
    Result: `return_dict_in_generate`, and with it `output_scores`, `output_logits`, `output_token_logprobs`,
    `output_attentions`, `output_hidden_states`, `return_legacy_cache`.

    Raises:
        ConfigError: a value is out of its range, or a keyword is misspelt.
    """

    file_name: ClassVar[str] = "generation_config.json"

    max_length: int | None = None
    max_new_tokens: int | None = None
    min_length: int | None = None
    min_new_tokens: int | None = None
    early_stopping: bool | str | None = None
    max_time: float | None = None
    stop_strings: str | list[str] | None = None

    do_sample: bool | None = None
    num_beams: int | None = None
    num_beam_groups: int | None = None
    use_mtp: bool | None = None
    penalty_alpha: float | None = None
    dola_layers: str | list[int] | None = None
    constraints: Any = None
    force_words_ids: Any = None

    use_cache: bool | None = None
    cache_implementation: str | None = None
    cache_config: Any = None
    max_cache_len: int | None = None
    prefill_chunk_size: int | None = None
    low_memory: bool | None = None

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    top_h: float | None = None
    typical_p: float | None = None
    epsilon_cutoff: float | None = None
    eta_cutoff: float | None = None
    repetition_penalty: float | None = None
    encoder_repetition_penalty: float | None = None
    length_penalty: float | None = None
    diversity_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    encoder_no_repeat_ngram_size: int | None = None
    bad_words_ids: list[list[int]] | None = None
    renormalize_logits: bool | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | list[int] | None = None
    remove_invalid_values: bool | None = None
    exponential_decay_length_penalty: tuple[int, float] | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    sequence_bias: Any = None
    token_healing: bool | None = None
    guidance_scale: float | None = None
    watermarking_config: Any = None

    num_return_sequences: int | None = None
    output_attentions: bool | None = None
    output_hidden_states: bool | None = None
    output_scores: bool | None = None
    output_logits: bool | None = None
    output_token_logprobs: bool | None = None
    return_dict_in_generate: bool | None = None
    return_legacy_cache: bool | None = None

    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | list[int] | None = None

    is_assistant: bool | None = None
    num_assistant_tokens: int | None = None
    num_assistant_tokens_schedule: str | None = None
    assistant_confidence_threshold: float | None = None
    assistant_early_exit: int | None = None
    assistant_lookbehind: int | None = None
    target_lookbehind: int | None = None
    assistant_ensemble_weight: float | None = None
    prompt_lookup_num_tokens: int | None = None
    max_matching_ngram_size: int | None = None
    speculation_type: str | None = None

    compile_config: Any = None
    disable_compile: bool | None = None
    continuous_batching_config: Any = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    def validate(self) -> None:
        """Check each value by itself; what must fit together is checked when a call has settled all values."""
        for name in self._field_names:
            value = self.__dict__[name]
            kind = type(value)
            if kind.__name__ in ("ndarray", "Tensor"):
                raise ConfigError(f"{name} is a {type(value).__name__}; expected plain numbers and lists: .tolist() gives them")
            if kind.__module__ == "numpy":  # its numbers are as good as Python's
                self.__dict__[name] = value.item()
        super().validate()
        for name, (least, most) in _BOUNDS.items():
            value = self.get(name)
            if value is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or (least is not None and value < least) or (most is not None and value > most):
                bounds = f"at least {least}" if most is None else f"from {least} to {most}"
                raise ConfigError(f"{name} is {value!r}; expected a number {bounds}")
        for name in _POSITIVE:
            value = self.get(name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value!r}; expected a number above 0")
        if self.early_stopping not in (None, True, False, "never"):
            raise ConfigError(f"early_stopping is {self.early_stopping!r}; expected True, False or 'never'")
        if isinstance(self.sequence_bias, dict):
            # JSON has no lists as keys.
            self.sequence_bias = [[list(ids), bias] for ids, bias in self.sequence_bias.items()]

    @classmethod
    def names(cls) -> frozenset[str]:
        """The names of all fields."""
        return cls._field_names

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str], config_file_name: str | None = None, **kwargs: Any) -> Any:
        """Read generation_config.json (or `config_file_name`); further keywords override what it holds.

        With `return_unused_kwargs=True`, keywords that are no field come back in a second value instead.
        """
        split = kwargs.pop("return_unused_kwargs", False)
        options, overrides = HubOptions.split(kwargs)
        rest = {name: value for name, value in overrides.items() if name not in cls._field_names} if split else {}
        named = name_or_path if config_file_name is None else get_file(name_or_path, config_file_name, options)
        values = cls.get_dict(named, options)
        made = cls.from_dict(values, **{name: value for name, value in overrides.items() if name not in rest})
        return (made, rest) if split else made

    @classmethod
    def from_model_config(cls, model_config: Any) -> Self:
        """The generation settings that older checkpoints keep in config.json; its special tokens always."""
        found: dict[str, Any] = {}
        for config in (model_config, model_config.get_text_config(decoder=True)):
            for name in cls._field_names:
                value = config.get(name)
                if value is not None and value != DEFAULTS.get(name) and not _is_model_field(config, name):
                    found[name] = value
        return cls.from_dict(found)

    def update(self, values: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # type: ignore[override]
        """Set several fields at once and check them; returns the keywords that are no fields."""
        given = {**(values or {}), **more}
        super().update({name: value for name, value in given.items() if name in self._field_names or name in self.__dict__})
        return {name: value for name, value in given.items() if name not in self.__dict__}

    def save_pretrained(self, folder: str | os.PathLike[str], **kwargs: Any) -> list[str]:
        """Write the values that are set into `folder`; returns the path written. None is not stored: it says nothing."""
        path = str(folder_to_fill(folder) / inside(kwargs.pop("config_file_name", self.file_name)))
        write_json(path, {name: value for name, value in self.to_dict().items() if value is not None})
        return [path]

    def effective(self, name: str) -> Any:
        """The value that counts: the field's own, or the default."""
        value = self.get(name)
        return DEFAULTS.get(name) if value is None else value

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


def _is_model_field(config: Any, name: str) -> bool:
    """Whether `name` means something else in a model's config: recording and caching are switches of every forward."""
    return name in ("output_attentions", "output_hidden_states", "use_cache") or name in ("dola_layers", "max_time")


def resolve(
    call: dict[str, Any],
    passed: GenerationConfig | None,
    checkpoint: GenerationConfig | None,
    use_model_defaults: bool | None = None,
) -> GenerationConfig:
    """The settings of one call, a new object: each field from the call, else `passed`, else `checkpoint`, else the default.

    Args:
        use_model_defaults: False takes nothing but the special tokens from the checkpoint.

    Raises:
        ConfigError: a value is out of range. ArgumentError: `passed` is something else.
    """
    if not isinstance(passed, GenerationConfig | None):
        raise ArgumentError(f"generation_config is {passed!r:.80}; expected a GenerationConfig, or the settings as keywords")
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    kept = {} if checkpoint is None else _said(checkpoint)
    if use_model_defaults is False and passed is not None:
        kept = {name: value for name, value in kept.items() if name.endswith("_token_id")}
    for origin, said in (("checkpoint", kept), ("config", {} if passed is None else _said(passed)), ("call", call)):
        for name, value in said.items():
            if value is not None:
                values[name], origins[name] = value, origin
    for name, value in DEFAULTS.items():
        if values.get(name) is None:
            values[name] = value
            origins[name] = "default"
    settings = GenerationConfig.from_dict(values)
    settings.__dict__["_origins"] = origins
    return settings


def _said(config: GenerationConfig) -> dict[str, Any]:
    return {name: value for name, value in config.__dict__.items() if value is not None and not name.startswith("_")}
