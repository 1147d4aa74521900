"""Padding, beginning and end of text: a model that is trained with a tokenizer goes by the tokenizer's tokens from then on."""

from typing import Any

from ..core.logging import get_logger

logger = get_logger(__name__)

_NAMES = ("eos_token_id", "bos_token_id", "pad_token_id")


def align_special_tokens(model: Any, processing_class: Any) -> None:
    """Write the tokenizer's special tokens into the configs of a model, for forwards and generation; each change is told.

    A token that the tokenizer lacks stays as it is. Generation ends at the tokenizer's end of text, and still at others that
    were there.

    Args:
        processing_class: a tokenizer, or a processor with one; with anything else nothing happens.
    """
    tokenizer = getattr(processing_class, "tokenizer", processing_class)
    tokens = {name: getattr(tokenizer, name, None) for name in _NAMES}
    whole, generation = getattr(model, "config", None), getattr(model, "generation_config", None)
    if whole is None:
        return
    config = whole.get_text_config() if hasattr(whole, "get_text_config") else whole
    changed = {}
    for name, token in tokens.items():
        if not isinstance(token, int):
            continue
        if getattr(config, name, None) != token:
            setattr(config, name, token)
            changed[name] = token
        if generation is None:
            continue
        there = getattr(generation, name, None)
        known = there if isinstance(there, list) else [] if there is None else [there]
        if token not in known:
            setattr(generation, name, [token, *known] if known and name == "eos_token_id" else token)
            changed[name] = token
    if changed:
        told = ", ".join(f"{name}={token}" for name, token in changed.items())
        logger.warning("the model's config takes the special tokens of the tokenizer that it is trained with: %s", told)
