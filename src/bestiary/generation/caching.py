"""The cache that a generation goes on in: the caller's, or a new one with room for all tokens."""

from typing import Any

import torch

from ..cache.building import CacheConfig
from ..cache.continued import as_cache, check_cache, take_back_last
from ..core.errors import ArgumentError, CapacityError, InputError
from ..core.logging import warn_once
from ..nn.inputs import check_slots
from . import compiled
from .config import GenerationConfig
from .model import GeneratingModel
from .prompt import DECODER_ONLY, Prompt


def take_over(prompt: Prompt, model: GeneratingModel) -> None:
    """Find which of the prompt's tokens the caller's cache holds, if there is one; check the mask over both.

    Raises:
        ArgumentError: it is no cache, or excludes other arguments. InputError: it or the mask does not fit the prompt.
    """
    cache = prompt.constant.pop("past_key_values", None)
    if cache is not None:
        if not prompt.settings.use_cache:
            raise ArgumentError("past_key_values and use_cache=False exclude each other")
        if prompt.settings.origin("cache_implementation") in ("call", "config"):
            raise ArgumentError("past_key_values and cache_implementation exclude each other: the cache is there already")
        prompt.continued = True
        prompt.cache = as_cache(cache, model.config.is_encoder_decoder)
        layers = len(model.config.get_text_config(decoder=True).layer_kinds())
        autocast = torch.is_autocast_enabled(model.device.type)
        dtypes = None if autocast else {parameter.dtype for parameter in model.parameters()}
        check_cache(prompt.cache, prompt.ids.shape[0], layers, dtypes, type(model).__name__)
    cached = 0 if prompt.cache is None else prompt.cache.get_seq_length()
    length = prompt.ids.shape[1]
    if cached and prompt.embeds is not None:
        raise ArgumentError(f"inputs_embeds cannot continue a cache that holds {cached} tokens; pass input_ids")
    if cached and prompt.mask is not None and prompt.mask.shape[1] == cached + length:
        prompt.offset = cached  # the prompt is only what follows the cached tokens
    elif cached > length:
        raise InputError(
            f"the cache holds {cached} tokens and input_ids only {length}: pass the whole conversation, or only its new tokens "
            f"with an attention_mask over all {cached + length}, or crop the cache"
        )
    if prompt.mask is not None:
        check_slots(prompt.mask, prompt.offset + length, prompt.ids.shape[0])
        prompt.mask = prompt.mask != 0
        prompt.padded = not bool(prompt.mask.all())
        if prompt.names is DECODER_ONLY and bool((prompt.mask[:, -1] == 0).any()):
            warn_once(
                "right-padding",
                "a prompt ends in padding, after which a decoder goes on badly: pad on the left (padding_side='left')",
            )


def context_left(prompt: Prompt, model: GeneratingModel) -> int | None:
    """Most tokens of a row, as `ids` counts them; None where the text may be endless."""
    cache, name = prompt.cache, prompt.settings.cache_implementation
    if cache is None and name is not None and prompt.settings.use_cache:
        cache = model.make_cache(name, 1, cache_options(prompt.settings))
    endless = cache is not None and cache.needs_rotary and bool(model.rotary())
    return None if endless else model.context_length()


def make_cache(prompt: Prompt, model: GeneratingModel) -> None:
    """Give `prompt` a cache with room for all its tokens, where it has none.

    Raises:
        CapacityError: the caller's is too small.
    """
    settings = prompt.settings
    if not settings.use_cache:
        return
    if prompt.cache is None:
        slots = compiled.slots_for(settings, model.device, prompt.offset + prompt.max_length)
        prompt.cache = model.make_cache(settings.cache_implementation or "dynamic", slots, cache_options(settings))
    room = None if prompt.cache.is_endless else prompt.cache.get_max_length()
    needed = prompt.offset + prompt.max_length - 1
    if room is not None and room < needed:
        raise CapacityError(f"the cache has room for {room} tokens; the prompt and its continuation take up to {needed}")


def cache_options(settings: GenerationConfig) -> dict[str, Any]:
    """What the cache that the settings name is built with."""
    options = CacheConfig.of(settings.cache_config).options()
    if settings.max_cache_len is not None and settings.cache_implementation is not None:
        options["max_cache_len"] = settings.max_cache_len
    return options


def continue_cache(prompt: Prompt) -> None:
    """Make the caller's cache ready, once nothing can be refused any more."""
    cache = prompt.cache
    length = 0 if cache is None or not prompt.continued else cache.get_seq_length()
    if cache is None or not length:
        return
    if prompt.offset == 0 and length == prompt.ids.shape[1]:  # the last token must run again to give logits
        take_back_last(cache)
    if prompt.copies > 1 and cache.get_seq_length():
        cache.batch_repeat_interleave(prompt.copies)
