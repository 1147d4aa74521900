"""The settings of rotary positions: one form, from every spelling that config files use. Needs no torch."""

from typing import Annotated, Any

from ..core.errors import ConfigError, did_you_mean
from ..core.kinds import Amount, Length, Positive, Range, Rate, check
from ..core.logging import warn_once

Parameters = dict[str, Any]

NUMBERS: dict[str, Any] = {
    "rope_theta": Annotated[float, Range(1.01, 2**40)],
    "original_max_position_embeddings": Length,
    "partial_rotary_factor": Rate,
    "short_factor": list[Positive],
    "long_factor": list[Positive],
    **dict.fromkeys(("mscale", "mscale_all_dim", "llama_4_scaling_beta"), Amount),  # 0 says that there is none
    **dict.fromkeys(("factor", "attention_factor", "beta_fast", "beta_slow", "low_freq_factor", "high_freq_factor"), Positive),
    **dict.fromkeys(("short_mscale", "long_mscale"), Positive),
}

# Kind of scaling -> the numbers it cannot do without; `nn/rope.py` has a function of the same name for each.
REQUIRED: dict[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": (),
    "longrope": ("short_factor", "long_factor"),
    "proportional": (),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
}


def rope_parameters(
    parameters: Parameters | None,
    scaling: Parameters | None = None,
    theta: float | None = None,
    default_theta: float = 10_000.0,
    partial_rotary_factor: float | None = None,
) -> Parameters:
    """The one form of rotary settings, from the current spelling (`rope_parameters`) or the older two.

    Args:
        parameters: `{"rope_type", "rope_theta", ...}`; scaling: the older `{"type" or "rope_type", "factor", ...}` or None;
        theta: the older `rope_theta`; partial_rotary_factor: the share of each head that turns, where no table says it.

    Raises:
        ConfigError: an unknown kind, a kind without its numbers, or a number that is none.
    """
    for name, table in (("rope_parameters", parameters), ("rope_scaling", scaling)):
        check("rotary positions", name, table, dict[str, Any] | None)
    merged = {**(scaling or {}), **(parameters or {})}
    if "type" in merged:
        merged.setdefault("rope_type", merged.pop("type"))
    merged.setdefault("rope_type", "default")
    if merged["rope_type"] == "su":  # the name LongRoPE had in the first Phi-3 checkpoints
        merged["rope_type"] = "longrope"
    if merged.get("rope_theta") is None:
        merged["rope_theta"] = default_theta if theta is None else theta
    if partial_rotary_factor is not None and merged.get("partial_rotary_factor") is None:
        merged["partial_rotary_factor"] = partial_rotary_factor
    kind = merged["rope_type"]
    if not isinstance(kind, str) or kind not in REQUIRED:
        raise ConfigError(f"unknown rope_type {kind!r:.80}.{did_you_mean(str(kind), REQUIRED)} Known: {', '.join(REQUIRED)}")
    for name, number in NUMBERS.items():
        if merged.get(name) is not None:
            check(f"rope_type {kind!r}", name, merged[name], number)
    missing = [name for name in REQUIRED[kind] if merged.get(name) is None]
    if missing:
        raise ConfigError(f"rope_type {kind!r} needs {', '.join(missing)}; found {merged}")
    if kind == "llama3" and merged["high_freq_factor"] <= merged["low_freq_factor"]:
        warn_once("llama3-factors", f"rope_type 'llama3' needs a high_freq_factor above its low_freq_factor; found {merged}")
    return merged
