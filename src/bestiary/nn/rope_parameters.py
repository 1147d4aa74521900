"""The settings of rotary positions: one form, from every spelling that config files use. Needs no torch."""

from typing import Any

from ..core.errors import ConfigError, did_you_mean

Parameters = dict[str, Any]

# Kind of scaling -> the numbers it cannot do without; `nn/rope.py` has a function of the same name for each.
REQUIRED: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": (),
    "longrope": ("short_factor", "long_factor"),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}


def rope_parameters(
    parameters: Parameters | None,
    scaling: Parameters | None = None,
    theta: float | None = None,
    default_theta: float = 10_000.0,
) -> Parameters:
    """The one form of rotary settings, from the current spelling (`rope_parameters`) or the older two.

    Args:
        parameters: `{"rope_type", "rope_theta", ...}`; scaling: the older `{"type" or "rope_type", "factor", ...}` or None;
        theta: the older `rope_theta`.

    Raises:
        ConfigError: an unknown kind, or a kind without its numbers.
    """
    merged = {**(scaling or {}), **(parameters or {})}
    if "type" in merged:
        merged.setdefault("rope_type", merged.pop("type"))
    merged.setdefault("rope_type", "default")
    if merged["rope_type"] == "su":  # the name LongRoPE had in the first Phi-3 checkpoints
        merged["rope_type"] = "longrope"
    if merged.get("rope_theta") is None:
        merged["rope_theta"] = default_theta if theta is None else theta
    kind = merged["rope_type"]
    if kind not in REQUIRED:
        raise ConfigError(f"unknown rope_type {kind!r}.{did_you_mean(str(kind), REQUIRED)} Known: {', '.join(REQUIRED)}")
    missing = [name for name in REQUIRED[kind] if merged.get(name) is None]
    if missing:
        raise ConfigError(f"rope_type {kind!r} needs {', '.join(missing)}; found {merged}")
    return merged
