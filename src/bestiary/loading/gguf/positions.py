"""How positions are scaled, where GGUF says it by a factor for each pair of numbers that turns, in a tensor of its own."""

import math
from typing import Any

from ...core.gguf import GgufHeader, read_numbers

# What Llama 3.1 and its successors were trained with; a file holds the factors alone.
_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def llama3_factors(table: dict[str, Any], size: int) -> list[float]:
    """The divisors of the frequencies of `size` / 2 pairs, for `rope_parameters` of the kind "llama3"."""
    low, high, factor = table["low_freq_factor"], table["high_freq_factor"], table["factor"]
    original = table["original_max_position_embeddings"]
    factors = []
    for index in range(0, size, 2):
        turns = original / (2 * math.pi * table["rope_theta"] ** (index / size))  # within the original length
        share = min(max((turns - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - share) / factor + share))
    return factors


def stored_scaling(header: GgufHeader, table: dict[str, Any], context: int) -> dict[str, Any]:
    """What the tensors of a file say beside `table`, its `rope_parameters` so far; {} where it has none.

    Args:
        context: positions that the model was trained for.
    """
    if {"rope_factors_short.weight", "rope_factors_long.weight"} <= header.tensors.keys():
        short, long = (read_numbers(header, f"rope_factors_{each}.weight") for each in ("short", "long"))
        return {"rope_type": "longrope", "short_factor": short, "long_factor": long}
    if "rope_freqs.weight" not in header.tensors:
        return {}
    factors = read_numbers(header, "rope_freqs.weight")
    largest = max(factors, default=1.0)
    if largest <= 1.0:
        return {}
    llama3 = {"rope_theta": table.get("rope_theta", 10_000.0), "factor": round(largest, 4), **_LLAMA3}
    expected = llama3_factors(llama3, 2 * len(factors))
    if all(math.isclose(ours, theirs, rel_tol=1e-3) for ours, theirs in zip(factors, expected, strict=True)):
        return {"rope_type": "llama3", **llama3}
    alike: dict[str, Any] = {"rope_type": "longrope", "short_factor": factors, "long_factor": factors}
    return {**alike, "attention_factor": 1.0, "original_max_position_embeddings": context}


def tensors_of(config: Any) -> dict[str, list[float]]:
    """The tensors of a file that say how positions of this config are scaled."""
    table = config.get("rope_parameters") or {}
    size = config.get("head_dim") or config.hidden_size // config.num_attention_heads if table else 0
    if table.get("rope_type") == "llama3":
        return {"rope_freqs.weight": llama3_factors(table, size)}
    if table.get("rope_type") == "longrope":
        return {f"rope_factors_{each}.weight": list(table[f"{each}_factor"]) for each in ("long", "short")}
    return {}
