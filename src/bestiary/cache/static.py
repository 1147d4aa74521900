"""A cache of fixed size: nothing is allocated after the first step, and a forward with it can be compiled once."""

from collections.abc import Callable
from typing import Any

import torch

from ..core.errors import ArgumentError, CapacityError
from .base import Cache, CacheLayer, Tensor, move_rows


class StaticLayer(CacheLayer):
    """Keys and values in two buffers of `capacity` slots, all of which attention sees; causality hides the unused ones."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        # Keys, values, and where the next token goes: on the device for compiled steps. `_seen` is the same number on the
        # host for all others; a compiled step only writes None to it, for reading it would compile anew for every value.
        self._buffers: tuple[Tensor, Tensor, Tensor] | None = None
        self._seen: int | None = 0

    @property
    def keys(self) -> Tensor | None:
        return self._buffers[0] if self._buffers else None

    @property
    def values(self) -> Tensor | None:
        return self._buffers[1] if self._buffers else None

    def _allocate(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        held = [new.new_zeros(*new.shape[:2], self.capacity, new.shape[3]) for new in (keys, values)]
        self._buffers = held[0], held[1], torch.zeros((), dtype=torch.int64, device=keys.device)
        return self._buffers

    def update(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        all_keys, all_values, position = self._buffers or self._allocate(keys, values)
        new = keys.shape[2]
        if torch.compiler.is_compiling():
            slots = position + torch.arange(new, device=keys.device)
            self._seen = None
            all_keys.index_copy_(2, slots, keys)
            all_values.index_copy_(2, slots, values)
        else:
            start = self.get_seq_length()
            self._check_room(start, new)
            if all_keys.is_inference() and not torch.is_inference_mode_enabled():
                # Made in inference mode, written outside of it: torch forbids that in place.
                self._buffers = all_keys, all_values, position = all_keys.clone(), all_values.clone(), position.clone()
            all_keys.narrow(2, start, new).copy_(keys)
            all_values.narrow(2, start, new).copy_(values)
            self._seen = start + new
        position.add_(new)
        return all_keys, all_values

    def _check_room(self, start: int, new: int) -> None:
        if start + new > self.capacity:
            raise CapacityError(
                f"the static cache has {self.capacity} slots; {start} are taken and {new} more are needed: make it with "
                f"max_cache_len={start + new} or more"
            )

    def geometry(self, new: int) -> tuple[int, int | Tensor]:
        if torch.compiler.is_compiling() and self._buffers:
            return self.capacity, self._buffers[2].clone()
        start = self.get_seq_length()
        self._check_room(start, new)
        return self.capacity, start

    def get_seq_length(self) -> int:
        if self._seen is None:
            self._seen = int(self._buffers[2]) if self._buffers else 0
        return self._seen

    def get_max_length(self) -> int:
        return self.capacity

    def crop(self, length: int) -> None:
        self._seen = length
        if self._buffers:
            self._buffers[2].fill_(length)

    def map_batch(self, change: Callable[[Tensor], Tensor]) -> None:
        if self._buffers is None:
            return
        keys, values = change(self._buffers[0]), change(self._buffers[1])
        if keys.shape == self._buffers[0].shape:
            # Compiled steps know the buffers by address.
            self._buffers[0].copy_(keys)
            self._buffers[1].copy_(values)
        else:
            self._buffers = keys, values, self._buffers[2]

    def reorder(self, parents: Tensor, since: int) -> None:
        for buffer in (self._buffers or ())[:2]:
            move_rows(buffer.narrow(2, since, self.get_seq_length() - since), parents)

    def reset(self) -> None:
        for tensor in self._buffers or ():
            tensor.zero_()
        self._seen = 0


class StaticCache(Cache):
    """Room for `max_cache_len` tokens, taken at the first step and never moved.

    Args:
        config: the model's config; nothing of it is needed, it may be None.
        max_cache_len: slots per layer, prompt and new tokens together.

    Raises:
        CapacityError: an update does not fit; the message says how many slots there are and how many were needed.
    """

    is_compileable = True

    def __init__(self, config: Any = None, max_cache_len: int = 0) -> None:
        if max_cache_len < 1:
            raise ArgumentError(f"max_cache_len must be at least 1, got {max_cache_len}")
        super().__init__()
        self.max_cache_len = max_cache_len

    def make_layer(self, layer_idx: int) -> StaticLayer:
        return StaticLayer(self.max_cache_len)

    def to_legacy_cache(self) -> tuple[tuple[Tensor, ...], ...]:
        seen = self.get_seq_length()
        return tuple((keys[:, :, :seen].clone(), values[:, :, :seen].clone()) for keys, values in self)


def build(config: Any, length: int, max_cache_len: int | None = None) -> StaticCache:
    """A `StaticCache`; the option `max_cache_len` takes the place of the call's own length."""
    return StaticCache(config, max_cache_len or length)
