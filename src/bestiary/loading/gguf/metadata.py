"""The metadata of a GGUF file, from the published config of a model."""

from collections.abc import Callable, Mapping
from typing import Any

from ...core.errors import ConfigError
from ...core.logging import warn_once
from .architectures import ARCHITECTURES, TOKENS

# Types whose files are those of another architecture.
_ALSO = {"mistral": "llama", "mixtral": "llama", "umt5": "t5"}


def architecture_of(model_type: str) -> str:
    """The architecture that GGUF has for models of this type.

    Raises:
        ConfigError: there is none here; says for which there is.
    """
    for name, architecture in ARCHITECTURES.items():
        if architecture.model_type == model_type:
            return name
    if model_type in _ALSO:
        return _ALSO[model_type]
    known = sorted({*(each.model_type for each in ARCHITECTURES.values()), *_ALSO})
    raise ConfigError(f"models of type {model_type!r} cannot be written as GGUF; expected one of {', '.join(known)}")


def metadata_of(config: Any, name: str = "") -> dict[str, Any]:
    """Key -> value: the sizes of the model, and how its positions turn.

    Args:
        config: the published config, whose fields are its attributes. name: what the model is called.

    Raises:
        ConfigError: GGUF has no place for what the config says.
    """
    key = architecture_of(config.model_type)
    architecture = ARCHITECTURES[key]
    values: dict[str, Any] = {"general.architecture": key, "general.type": "model"}
    if name:
        values["general.name"] = name
    for suffix, field in architecture.config.items():
        if (value := config.get(field)) is not None:
            values[f"{key}.{suffix}"] = value
    values[f"{key}.vocab_size"] = config.vocab_size
    if architecture.rotary:
        values |= _rotary(key, config, architecture.partial)
    values |= {place: index for field, place in TOKENS.items() if isinstance(index := config.get(field), int)}
    if key in _FURTHER:
        values |= _FURTHER[key](config)
    for field, kept in _WITHOUT_PLACE.get(key, {}).items():
        if (value := config.get(field)) not in (kept, None):
            warn_once(
                "lost-in-gguf",
                f"{field}={value!r:.40} has no place in a GGUF file of {key}: what opens it computes with {field}={kept}",
                about=f"{key}.{field}",
            )
    return values


# What a config may say and the architecture has no key for -> what every program computes with.
_WITHOUT_PLACE: dict[str, dict[str, Any]] = {"llama": {"sliding_window": None}, "qwen3moe": {"norm_topk_prob": True}}


def _falcon(config: Any) -> dict[str, Any]:
    one = config.multi_query and not config.new_decoder_architecture
    return {"falcon.attention.head_count_kv": 1 if one else config.num_kv_heads}


def _lfm2(config: Any) -> dict[str, Any]:
    heads = [config.num_key_value_heads if kind == "full_attention" else 0 for kind in config.layer_kinds()]
    return {"lfm2.attention.head_count_kv": heads}


# What is said by other words than a field of the config.
_FURTHER: dict[str, Callable[[Any], dict[str, Any]]] = {"falcon": _falcon, "lfm2": _lfm2}


def _rotary(key: str, config: Any, partial: bool) -> dict[str, Any]:
    tables: Mapping[str, Any] = config.rope_parameters
    values: dict[str, Any] = {}
    if "full_attention" in tables:
        values[f"{key}.rope.freq_base_swa"] = float(tables["sliding_attention"]["rope_theta"])
        tables = tables["full_attention"]
    size = config.get("head_dim") or config.hidden_size // config.num_attention_heads
    share = tables.get("partial_rotary_factor") or 1.0
    values |= {f"{key}.rope.freq_base": float(tables["rope_theta"]), f"{key}.rope.dimension_count": int(size * share)}
    kind = tables["rope_type"]
    if kind in ("linear", "yarn"):
        values |= {f"{key}.rope.scaling.type": kind, f"{key}.rope.scaling.factor": float(tables["factor"])}
        if "original_max_position_embeddings" in tables:
            values[f"{key}.rope.scaling.original_context_length"] = tables["original_max_position_embeddings"]
    elif kind not in ("default", "llama3", "longrope"):  # `positions.tensors_of` says the latter two
        raise ConfigError(f"positions scaled as {kind!r} cannot be written as GGUF; expected default, linear, yarn, llama3")
    return values
