"""What settings must be like to go together, and the length and the end tokens that follow from them."""

from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, CapacityError, ConfigError, InputError
from ..core.logging import warn_once
from ..nn.masks import warn_beyond
from .config import DEFAULT_NEW_TOKENS, GenerationConfig, check_clashes
from .options import SOURCES, options
from .processor import token_ids


def check_settings(settings: GenerationConfig, objects: dict[str, Any]) -> None:
    """Refuse what cannot be done, before anything runs. `objects`: those of the call that settings may need.

    Raises:
        ArgumentError: an option asks for something that does not exist here.
        ConfigError: values clash; the message names both.
    """
    for name, option in sorted(options().items()):
        value = settings.get(name)
        if not value or value == option.default:
            continue
        if option.needs and not any(objects.get(other) or settings.is_set(other) for other in option.needs):
            turned_off = settings.origin(name) == "config" and any(settings.origin(other) == "call" for other in option.needs)
            if settings.origin(name) in ("call", "config") and not turned_off:
                warn_once(f"useless-{name}", f"{name}={value} has no effect without {' or '.join(option.needs)}")
        elif not option.supported:
            raise ArgumentError(f"{name}={value!r} ({settings.origin(name)}) asks for something this version does not have")
    _check_clashes(settings)


# Settings that force or forbid an end regardless of what the text looks like by then.
_CLASHES = ("forced_bos_token_id", "forced_eos_token_id", "min_length", "min_new_tokens")


def leave_ends_open(settings: GenerationConfig) -> None:
    """Take out of the settings of one call what would force or forbid an end: a constraint says where a text may end.

    Raises:
        ConfigError: the caller asked for it.
    """
    for name in _CLASHES:
        if settings.get(name) and settings.origin(name) in ("call", "config"):
            raise ConfigError(
                f"constraint and {name}={settings.get(name)} exclude each other: the constraint says where a text may end"
            )
        settings.__dict__[name] = None


def _check_clashes(settings: GenerationConfig) -> None:
    check_clashes(settings)
    if settings.do_sample and settings.temperature == 0:
        raise ConfigError("temperature=0 leaves nothing to draw from; for greedy decoding set do_sample=False")
    if settings.forced_bos_token_id is not None and settings.forced_bos_token_id in (settings.begin_suppress_tokens or ()):
        raise ConfigError(f"forced_bos_token_id={settings.forced_bos_token_id} is forced and suppressed at once")
    if not settings.use_cache and settings.cache_implementation and settings.origin("cache_implementation") != "checkpoint":
        raise ConfigError(f"use_cache=False and cache_implementation={settings.cache_implementation!r} exclude each other")
    chunk = settings.prefill_chunk_size
    for name in ("output_hidden_states", "output_attentions") if chunk and settings.return_dict_in_generate else ():
        if settings.get(name):
            raise ConfigError(
                f"prefill_chunk_size={chunk} and {name}=True exclude each other: parts of a prompt are not joined"
            )
    if chunk and not settings.use_cache:
        raise ConfigError(f"prefill_chunk_size={chunk} and use_cache=False exclude each other: parts need a cache")


def max_length(settings: GenerationConfig, prompt: int, context: int | None, is_firm: bool = True) -> int:
    """Tokens of a row at which it ends, prompt included.

    The rule: of `max_new_tokens` and `max_length` the one from the nearer source counts, the former when both come from
    the same; without either, 20 new tokens, or as many as the context has room for.

    Args:
        context: tokens that the model was made for. is_firm: whether it has no positions beyond; else longer texts warn.

    Raises:
        CapacityError: the prompt, or what the caller asked for, exceeds a firm context. InputError: no room for a new token.
    """
    new, total = settings.max_new_tokens, settings.max_length
    if new is not None and total is not None:
        ranks = [SOURCES.index(settings.origin(name)) for name in ("max_new_tokens", "max_length")]
        if ranks[0] == ranks[1] and ranks[0] > 1:
            warn_once("two-lengths", f"max_new_tokens={new} is used, max_length={total} is not: both were given")
        total = None if ranks[0] >= ranks[1] else total
    name = "max_length" if total is not None else "max_new_tokens"
    option = name if settings.get(name) is not None else None
    limit = total if total is not None else prompt + (new or DEFAULT_NEW_TOKENS)
    if context is not None and max(limit, prompt + 1) > context:
        if is_firm:
            limit = _cut(settings, option, prompt, limit, context)
        elif option is None and prompt < context:
            limit = context
        elif limit > prompt:
            warn_beyond(context, f"the text may grow to {limit} tokens")
    if limit <= prompt:
        raise InputError(
            f"max_length={limit} ({settings.origin('max_length')}) leaves nothing to add to a prompt of {prompt} tokens"
        )
    for name, before in (("min_new_tokens", prompt), ("min_length", 0)):
        least = settings.get(name)
        if least and before + least > limit and settings.origin(name) in ("call", "config"):
            warn_once(
                "min-beyond-max", f"{name}={least} asks for more than the {limit - before} tokens at which generation ends"
            )
    return limit


def _cut(settings: GenerationConfig, option: str | None, prompt: int, limit: int, context: int) -> int:
    """The `context`, where a row of `prompt` tokens is to have `limit` by a default or a checkpoint; refused by `option`."""
    if prompt >= context:
        raise CapacityError(
            f"the prompt has {prompt} tokens and the model has room for {context}, new tokens included; shorten it"
        )
    if option is not None and settings.origin(option) in ("call", "config"):
        raise CapacityError(
            f"a prompt of {prompt} tokens and {option}={settings.get(option)} make {limit}; there is room for {context}: "
            f"set max_new_tokens to at most {context - prompt}"
        )
    return context


def end_tokens(settings: GenerationConfig, device: torch.device) -> Tensor | None:
    """The ids (N,) of the end tokens; None where there are none. A file's -1 is none."""
    eos = settings.eos_token_id
    ids = [] if eos is None else [token for token in token_ids(eos).tolist() if token >= 0]
    return token_ids(ids, device) if ids else None


def padding_token(settings: GenerationConfig) -> int:
    """What finished rows are filled with: the padding token, else an end token, else 0."""
    pad, eos = settings.pad_token_id, end_tokens(settings, torch.device("cpu"))
    if pad is not None and pad >= 0:
        return pad
    return 0 if eos is None else int(eos[0])
