"""Segment-level recurrence (Dai et al. 2019, section 3.2): tokens also look at states that earlier segments left behind.

What a forward takes and gives as `mems` is a tensor (M, B, D) for each layer, as published; while generating, a cache whose
layers keep a state of their own (`cache/kinds/recurrent.py`) holds them as (B, M, D).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..cache.base import Cache
from ..cache.kinds.recurrent import recurrent_layer
from ..core.errors import InputError
from ..core.outputs import ModelOutput, Tensors
from ..nn.inputs import shown


@dataclass
class MemoryModelOutput(ModelOutput):
    """States of a text, and what the next segment looks at, (M, B, D) for each layer."""

    last_hidden_state: Tensor | None = None
    mems: Sequence[Tensor] | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class MemoryLogits(ModelOutput):
    """Logits of any head, and what the next segment looks at, (M, B, D) for each layer."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    mems: Sequence[Tensor] | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


def given_memory(mems: Any, layers: int, words: Tensor) -> list[Tensor] | None:
    """The caller's `mems`, None or (M, B, D) for each of the `layers`, as (B, M, D) beside `words` (B, T, D).

    Raises:
        InputError: they are something else.
    """
    if mems is None:
        return None
    if not isinstance(mems, list | tuple) or len(mems) != layers:
        count = f" of {len(mems)}" if isinstance(mems, list | tuple) else ""
        raise InputError(f"mems are a {type(mems).__name__}{count}; expected {layers} tensors, one for each layer")
    rows, _, width = words.shape
    for each in mems:
        right = isinstance(each, Tensor) and each.is_floating_point() and each.dim() == 3
        if not right or (each.shape[0], *each.shape[1:]) != (mems[0].shape[0], rows, width):
            raise InputError(f"mems hold {shown(each)}; expected states of shape (length, {rows}, {width}), all of one length")
    return [each.transpose(0, 1) for each in mems]


def cached_memory(cache: Any, layers: int, words: Tensor) -> list[Tensor] | None:
    """What `cache` keeps for each of the `layers`, (B, M, D), of earlier passes; None before the first.

    Raises:
        InputError: it is no cache.
    """
    if not isinstance(cache, Cache):
        raise InputError(f"past_key_values is {shown(cache)}; expected a cache, such as DynamicCache()")
    states = [recurrent_layer(cache, index, words.device).recurrent_states for index in range(layers)]
    kept = [each for each in states if each is not None]
    return kept if len(kept) == layers else None


def remembered(x: Tensor, past: Tensor | None, length: int | None) -> Tensor:
    """What is kept of states (B, T, D) behind the `past` (B, M, D): the newest `length` (None: all), without gradients."""
    whole = x if past is None else torch.cat([past, x], dim=1)
    return whole.detach() if length is None else whole[:, max(whole.shape[1] - length, 0) :].detach()


def keep_memory(cache: Cache, memory: Sequence[Tensor]) -> None:
    """Let `cache` keep the `memory` (B, M, D) of each layer for the next pass."""
    for index, states in enumerate(memory):
        recurrent_layer(cache, index).update_recurrent_state(states)
