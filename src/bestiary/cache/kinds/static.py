"""Caches of fixed size: nothing is allocated after the first step, and a forward with them can be compiled once."""

import operator
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from ...core.errors import ArgumentError, CapacityError, CorruptFile, InputError
from ...core.logging import warn_once
from ..base import Cache
from ..building import CacheConfig
from ..layer import CacheLayer, Change, Tokens, move_rows, read_only
from ..layer_types import layer_types
from .recurrent import HybridLayer, layer_for

__all__ = ["StaticCache", "StaticCacheConfig", "StaticLayer", "StaticSlidingWindowLayer"]


class FixedLayer(CacheLayer):
    """Keys and values in two buffers of `max_cache_len` slots that never move, and the number of tokens seen."""

    is_compileable = True
    max_cache_len = property(attrgetter("slots"))

    @property
    def cumulative_length(self) -> Tensor:
        """The tokens seen, as a number on the device."""
        return torch.tensor(self.get_seq_length()) if self._buffers is None else self._buffers[2]

    def __init__(self, max_cache_len: int) -> None:
        self.slots = max_cache_len
        # Keys, values, and the tokens seen: on the device for compiled steps. `_seen` is the same number on the host for all
        # others; a compiled step only writes None to it, for reading it would compile anew for every value.
        self._buffers: tuple[Tensor, Tensor, Tensor] | None = None
        self._seen: int | None = 0

    @property
    def keys(self) -> Tensor | None:
        return self._buffers[0] if self._buffers else None

    @property
    def values(self) -> Tensor | None:
        return self._buffers[1] if self._buffers else None

    def allocate(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take the slots for keys and values like these (B, G, any, K)."""
        try:
            room = [new.new_zeros(*new.shape[:2], self.slots, new.shape[3]) for new in (keys, values)]
        except RuntimeError as error:  # what torch says of memory on any device, and of sizes beyond 64 bits
            rows, heads, _, width = keys.shape
            shape = f"{rows} rows, {heads} heads and {self.slots} tokens of {width} {keys.dtype}"
            raise CapacityError(f"no room for {shape} in a static cache ({error}); lower max_cache_len") from error
        self._buffers = room[0], room[1], torch.zeros((), dtype=torch.int64, device=keys.device)
        return self._buffers

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.allocate(key_states, value_states)

    def _writable(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The buffers; new ones where torch forbids writing (made in inference mode, written outside of it)."""
        buffers = self._buffers or self.allocate(keys, values)
        if keys.shape[0] != buffers[0].shape[0]:
            raise InputError(f"the cache was made for {buffers[0].shape[0]} rows and is given {keys.shape[0]}")
        if read_only(buffers[0]):
            self._buffers = buffers = buffers[0].clone(), buffers[1].clone(), buffers[2].clone()
        return buffers

    def get_seq_length(self) -> int:
        if self._seen is None:
            self._seen = int(self._buffers[2]) if self._buffers else 0
        return self._seen

    def position(self) -> int | Tensor:
        if torch.compiler.is_compiling() and self._buffers:
            return self._buffers[2].clone()
        return self.get_seq_length()

    def _set_seen(self, length: int) -> None:
        self._seen = length
        if self._buffers:
            self._buffers[2].fill_(length)

    def map_tensors(self, change: Change) -> None:
        if self._buffers is not None:
            self._buffers = change(self._buffers[0]), change(self._buffers[1]), self._buffers[2]

    def map_batch(self, change: Change) -> None:
        if self._buffers is None:
            return
        keys, values = change(self._buffers[0]), change(self._buffers[1])
        if keys.shape == self._buffers[0].shape:
            # Compiled steps know the buffers by address.
            self._buffers[0].copy_(keys)
            self._buffers[1].copy_(values)
        else:
            self._buffers = keys, values, self._buffers[2]

    def reset(self) -> None:
        for tensor in self._buffers or ():
            tensor.zero_()
        self._seen = 0

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        tokens = self.tokens()
        return ({}, {}) if tokens is None else ({"keys": tokens.keys, "values": tokens.values}, {"seen": self.get_seq_length()})

    def _forget_rows(self, tensors: dict[str, Tensor]) -> None:
        """Make ready for rows such as `tensors` hold; compiled steps know the buffers by address, so they stay if they can."""
        if self._buffers is None or not tensors or tensors["keys"].shape[0] != self._buffers[0].shape[0]:
            self._buffers, self._seen = None, 0
        else:
            self.reset()


class StaticLayer(FixedLayer):
    """A slot for each token; attention sees all slots, causality hides the unused ones."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        all_keys, all_values, position = self._writable(key_states, value_states)
        new = key_states.shape[2]
        if torch.compiler.is_compiling():
            slots = position + torch.arange(new, device=key_states.device)
            self._seen = None
            all_keys.index_copy_(2, slots, key_states)
            all_values.index_copy_(2, slots, value_states)
        else:
            start = self.get_seq_length()
            self._check_room(start, new)
            all_keys.narrow(2, start, new).copy_(key_states)
            all_values.narrow(2, start, new).copy_(value_states)
            self._seen = start + new
        position.add_(new)
        return all_keys, all_values

    def _check_room(self, start: int, new: int) -> None:
        if start + new > self.slots:
            raise CapacityError(
                f"the static cache has {self.slots} slots; {start} are taken and {new} more are needed: make it with "
                f"max_cache_len={start + new} or more"
            )

    def geometry(self, new: int) -> tuple[int, int | Tensor]:
        if torch.compiler.is_compiling() and self._buffers:
            return self.slots, self._buffers[2].clone()
        start = self.get_seq_length()
        self._check_room(start, new)
        return self.slots, start

    def get_max_length(self) -> int:
        return self.slots

    def crop(self, length: int) -> None:
        self._set_seen(length)

    def reorder(self, parents: Tensor, since: int) -> None:
        for buffer in (self._buffers or ())[:2]:
            move_rows(buffer.narrow(2, since, self.get_seq_length() - since), parents)

    def tokens(self) -> Tokens | None:
        seen = self.get_seq_length()
        return Tokens(0, self._buffers[0][:, :, :seen], self._buffers[1][:, :, :seen]) if self._buffers else None

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self._forget_rows(tensors)
        if tensors:
            check_tokens(tensors, numbers["seen"])
            self.update(tensors["keys"], tensors["values"])


class StaticSlidingWindowLayer(FixedLayer):
    """Slots for the newest tokens, one less than the window, which move up when full; attention sees these and the new ones."""

    is_sliding = True

    def __init__(self, max_cache_len: int, sliding_window: int) -> None:
        self.sliding_window = min(sliding_window, max_cache_len)
        super().__init__(self.sliding_window - 1)

    def _past(self) -> int | Tensor:
        """Slots in use."""
        if torch.compiler.is_compiling() and self._buffers:
            return self._buffers[2].clamp(max=self.slots)
        return min(self.get_seq_length(), self.slots)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        all_keys, all_values, position = self._writable(key_states, value_states)
        past, new = self._past(), key_states.shape[2]
        slots = torch.arange(self.slots + new, device=key_states.device)
        # Attention's slot s is the old slot s, and from `past` on the new token s - past.
        order = torch.where(slots < past, slots, (slots - past).clamp(max=new - 1) + self.slots)
        shown_keys = torch.cat([all_keys, key_states], dim=2).index_select(2, order)
        shown_values = torch.cat([all_values, value_states], dim=2).index_select(2, order)
        newest_slots = slots[: self.slots] + torch.clamp(position + new - self.slots, min=0, max=new)
        all_keys.copy_(shown_keys.index_select(2, newest_slots))
        all_values.copy_(shown_values.index_select(2, newest_slots))
        self._seen = None if torch.compiler.is_compiling() else self.get_seq_length() + new
        position.add_(new)
        return shown_keys, shown_values

    def geometry(self, new: int) -> tuple[int, int | Tensor]:
        return self.slots + new, self._past()

    def shown(self, mask: Tensor, new: int) -> Tensor:
        if not torch.compiler.is_compiling() or not self._buffers:
            return newest(mask, self.get_seq_length() + new, self.slots + new)
        columns = torch.arange(self.slots + new, device=mask.device) + self._buffers[2] - self._past()
        return mask.index_select(-1, columns.clamp(max=mask.shape[-1] - 1))

    def get_max_length(self) -> None:
        return None

    def crop(self, length: int) -> None:
        self._set_seen(length)

    def needs(self, length: int) -> int:
        return max(0, length - self.slots)

    def tokens(self) -> Tokens | None:
        if self._buffers is None:
            return None
        seen = self.get_seq_length()
        count = min(seen, self.slots)
        return Tokens(seen - count, self._buffers[0][:, :, :count], self._buffers[1][:, :, :count])

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self._forget_rows(tensors)
        if tensors:
            seen, count = numbers["seen"], min(numbers["seen"], self.slots)
            check_tokens(tensors, seen, self.needs(seen))
            keys, values = (tensors[name][:, :, tensors[name].shape[2] - count :] for name in ("keys", "values"))
            buffers = self._buffers or self.allocate(keys, values)
            buffers[0][:, :, :count], buffers[1][:, :, :count] = keys, values
            self._set_seen(seen)


def newest(mask: Tensor, covered: int, slots: int) -> Tensor:
    """The last `slots` columns of `mask`, if it covers the `covered` tokens that it should."""
    return mask[..., covered - slots :] if mask.shape[-1] == covered > slots else mask


def check_tokens(tensors: dict[str, Tensor], seen: int, needed: int = 0) -> None:
    """Refuse keys and values that are not those of the tokens from `needed`, or an earlier one, to `seen`."""
    keys, values = tensors["keys"], tensors["values"]
    if keys.dim() != 4 or keys.shape[:3] != values.shape[:3] or not seen - needed <= keys.shape[2] <= seen:
        raise CorruptFile(
            f"tensors {tuple(keys.shape)} and {tuple(values.shape)} do not hold the tokens from {needed} to {seen}"
        )


class StaticCache(Cache):
    """Room for `max_cache_len` tokens, taken at the first step, or at once for a given batch, and never moved.

    With `config` all layers are there from the start.

    Args:
        config: the model's config, or None. Layers that have a window by it take room for the window only.
        max_cache_len: slots per layer, prompt and new tokens together.
        offloading: keep all layers but the one at work in the host's memory. It cannot be compiled then.
        offload_only_non_sliding: with `offloading`, leave layers with a window where they are.
        max_batch_size: rows; when given, the room is taken at once. `batch_size` is its older name.
        device, dtype: of the room taken at once; default: the CPU, fp32.

    Raises:
        CapacityError: an update does not fit; the message says how many slots there are and how many were needed.
    """

    kind = "static"
    is_compileable = True

    def __init__(
        self,
        config: Any = None,
        max_cache_len: int = 0,
        offloading: bool = False,
        offload_only_non_sliding: bool = True,
        *,
        max_batch_size: int | None = None,
        batch_size: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not isinstance(offloading, bool):
            raise ArgumentError(
                f"offloading is {offloading!r}; expected a boolean. Pass max_cache_len and what follows it by name"
            )
        if not isinstance(max_cache_len, SupportsIndex) or operator.index(max_cache_len) < 1:
            raise ArgumentError(f"max_cache_len must be at least 1, got {max_cache_len!r:.80}")
        super().__init__(offloading=offloading, offload_only_non_sliding=offload_only_non_sliding)
        self.max_cache_len = max_cache_len
        self.types = layer_types(config)
        if self.types.keeps_states:
            self.is_compileable = False  # their states are new tensors in each step
        self._config = None if config is None else config.get_text_config(decoder=True)
        for index in range(self.types.cached):
            self.layer(index)
        rows = batch_size if max_batch_size is None else max_batch_size
        if rows is not None and self._config is not None:
            shapes = [self._config.cache_shape(index) for index in range(len(self.layers))]
            heads, size, value_size = (list(numbers) for numbers in zip(*shapes, strict=True))
            self.early_initialization(rows, heads, size, dtype or torch.float32, device or "cpu", value_size)
        elif rows is not None:
            raise ArgumentError("to take the room at once, pass config besides max_batch_size")
        elif device is not None or dtype is not None:
            warn_once("static-room", "device and dtype go with max_batch_size; without it the first step decides")

    def early_initialization(
        self,
        batch_size: int,
        num_heads: int | list[int],
        head_dim: int | list[int],
        dtype: torch.dtype,
        device: torch.device | str,
        value_dim: int | list[int] | None = None,
    ) -> None:
        """Take the room for `batch_size` rows and `num_heads` key heads of `head_dim` in every layer of the model.

        Args:
            num_heads, head_dim: one number for all layers, or a list of one for each.
            value_dim: the width of the values, where that is not the keys'.

        Raises:
            ArgumentError: the cache was made without the model's config and does not know its layers, or a list has another
                number of layers.
        """
        if self._config is None:
            raise ArgumentError("the number of layers is not known: make the cache with config=")
        count, numbers = len(self.layers), (num_heads, head_dim, value_dim or head_dim)
        lists = [each if isinstance(each, list) else [each] * count for each in numbers]
        if any(len(each) != count for each in lists):
            raise ArgumentError(f"num_heads and head_dim name {[len(each) for each in lists[:2]]} layers; expected {count}")
        for layer, heads, *sizes in zip(self.layers, *lists, strict=True):
            layer = layer.attention if isinstance(layer, HybridLayer) else layer
            if isinstance(layer, FixedLayer):
                shapes = ((batch_size, heads, 0, size) for size in sizes)
                layer.allocate(*(torch.empty(shape, dtype=dtype, device=device) for shape in shapes))

    def make_layer(self, layer_idx: int) -> CacheLayer:
        window, slots = self.types.window_of(layer_idx), self.max_cache_len
        make: Callable[[], CacheLayer] = partial(StaticLayer, slots)
        if window is not None and window <= slots:
            make = partial(StaticSlidingWindowLayer, slots, window)
        return layer_for(self.types, layer_idx, make)

    def get_max_length(self, layer_idx: int = 0) -> int | None:
        """Tokens this cache can ever hold; None when every layer has a window that fits."""
        kinds, window = set(self.types.kinds), self.types.window
        all_slide = kinds == {"sliding_attention"} and window is not None and window <= self.max_cache_len
        return None if all_slide else self.max_cache_len

    def options(self) -> dict[str, Any]:
        return {"max_cache_len": self.max_cache_len}


class StaticCacheConfig(CacheConfig):
    """Options of a `StaticCache`: `max_cache_len`, and `batch_size` rows on `device` to take the room at once."""

    cache_implementation: str | None = "static"
    batch_size: int | None = None
    max_cache_len: int | None = None
    device: str | None = None


def build(
    config: Any, length: int, max_cache_len: int | None = None, batch_size: int | None = None, device: str | None = None
) -> StaticCache:
    """A `StaticCache`; the option `max_cache_len` takes the place of the call's own length."""
    return StaticCache(config, max_cache_len or length, batch_size=batch_size, device=device)
