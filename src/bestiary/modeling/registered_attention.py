"""Which keywords of a call go to attention that users registered, where the forward of the model does not take them."""

from typing import Any

import torch

from ..core.errors import did_you_mean
from ..core.logging import warn_once
from ..core.signatures import is_of_the_library
from ..nn.registered import FUNCTIONS, keywords_of
from .explaining import OF_EVERY_CALL
from .parts import ModelParts


def take_attention_keywords(model: ModelParts, known: set[str], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """What registered functions get in this call: `position_ids`, `use_cache`, and what only they know, taken out of `kwargs`.

    known: the names that the model's forward takes, those it hands on to its backbone included.

    None where no such function computes anything, or where a forward that a user wrote hands keywords on by itself.
    """
    kernels = {config.__dict__["_attn_implementation"] for config in model.config.parts().values()}
    functions = [FUNCTIONS[name] for name in FUNCTIONS.keys() & kernels]
    if not functions or not is_of_the_library(type(model).forward):
        return None
    taken = [keywords_of(function) for function in functions]
    named, takes_any = frozenset().union(*(names for names, _ in taken)), any(takes for _, takes in taken)
    keywords: dict[str, Any] = {name: kwargs.get(name) for name in ("position_ids", "use_cache") if name in known}
    if "use_cache" in known and keywords["use_cache"] is None:
        keywords["use_cache"] = model.text_config().get("use_cache")
    for name in sorted(kwargs.keys() - known - {*OF_EVERY_CALL, "cache_position"}):
        if name not in named and not takes_any:
            continue  # refused when forward gets it
        keywords[name] = kwargs.pop(name)
        if name not in named and not torch.compiler.is_compiling():
            _warn_of_misspelt(model, name, [*known, *OF_EVERY_CALL])
    return keywords


def _warn_of_misspelt(model: ModelParts, name: str, known: list[str]) -> None:
    near = did_you_mean(name, known, cutoff=0.8)
    if near:
        message = f"{type(model).__name__} takes no argument {name!r:.80}: only the registered attention gets it.{near}"
        warn_once("attention-keyword", message, name)
