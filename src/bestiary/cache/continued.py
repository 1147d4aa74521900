"""A cache that a caller brings from an earlier call, to be continued: what counts as one, and whether it fits."""

from collections.abc import Set
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..core.logging import warn_once
from .base import Cache
from .encoder_decoder import EncoderDecoderCache
from .kinds.dynamic import DynamicCache


def as_cache(cache: Any, is_encoder_decoder: bool) -> Cache:
    """The caller's `past_key_values`: a cache, used as it is, or the older tuples of tensors.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(cache, tuple | list):
        layers = tuple(cache)
        for layer in layers:
            whole = isinstance(layer, tuple | list) and len(layer) in (2, 4) and all(isinstance(x, Tensor) for x in layer)
            if not whole or any(x.dim() != 4 for x in layer) or layer[0].shape[:3] != layer[1].shape[:3]:
                raise ArgumentError(
                    "past_key_values is a list, but not of keys and values (batch, heads, tokens, width) in pairs, by layers"
                )
        return (EncoderDecoderCache if is_encoder_decoder else DynamicCache).from_legacy_cache(layers)
    if not isinstance(cache, Cache):
        raise ArgumentError(f"past_key_values is a {type(cache).__name__}; expected a cache of bestiary.cache")
    return cache


def check_cache(cache: Cache, rows: int, layers: int, dtypes: Set[torch.dtype] | None, name: str) -> None:
    """Refuse a cache of another batch or model than this, or one that a failed pass has left half written.

    Args:
        rows, layers, dtypes: of the model called `name`, and its prompt; no `dtypes` where the cache may hold any.

    Raises:
        InputError: says what it holds.
    """
    tokens = [layer.get_seq_length() for layer in cache.layers]
    if cache.batch_size not in (None, rows):
        raise InputError(
            f"the cache holds {cache.batch_size} rows and the prompt has {rows}; for a new conversation, make a new cache"
        )
    if not any(tokens):
        return
    if len(tokens) != layers:
        raise InputError(f"the cache holds {len(tokens)} layers and {name} has {layers}: another model filled it")
    if len(set(tokens)) > 1:
        raise InputError(
            f"the layers of the cache have seen {', '.join(map(str, tokens))} tokens: a pass broke off in the middle. Crop it "
            f"to {min(tokens)} tokens, or make a new one"
        )
    exact = cache.settled()[0].tokens()
    for tensor in () if exact is None else (exact.keys, exact.values):
        if dtypes is not None and tensor.dtype not in dtypes:
            raise InputError(
                f"the cache holds {tensor.dtype} and {name} is of {' and '.join(map(str, dtypes))}: it was filled by another "
                "model, or under autocast; make a new one"
            )


def take_back_last(cache: Cache) -> None:
    """Forget the last token, which is to run again to give logits; where that cannot be, forget all of them."""
    length = cache.get_seq_length()
    if cache.can_crop(length - 1):
        cache.crop(length - 1)
        return
    warn_once(
        "cache-refilled",
        f"the {type(cache).__name__} holds the {length} tokens of the prompt and cannot go back by one, so the prompt is "
        "computed anew; pass a copy of the cache from an earlier moment, or a longer prompt",
    )
    cache.reset()
