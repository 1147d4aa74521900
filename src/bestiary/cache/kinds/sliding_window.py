"""Caches of layers that look back a fixed number of tokens (Beltagy et al. 2020, Longformer; Jiang et al. 2023, Mistral)."""

from typing import Any

import torch
from torch import Tensor

from ...core.logging import warn_once
from ..layer import CacheLayer, Change, Tokens, read_only
from ..layer_types import layer_types
from .static import StaticCache, check_tokens, newest

__all__ = ["SlidingWindowCache", "SlidingWindowLayer"]

# Tokens kept beyond the window, so that a few can be taken back (assisted decoding, turns that differ at their end).
SPARE = 64
# Free slots behind the kept ones: what is kept moves to the front once in so many steps.
ROOM = 256


class WanderingLayer(CacheLayer):
    """Base of layers that drop old tokens: the slots in use wander along a buffer, so that no step moves them all."""

    is_sliding = True

    def __init__(self) -> None:
        self._buffers: tuple[Tensor, Tensor] | None = None
        self._seen = 0
        self._start = self._end = 0  # slots in use

    @property
    def used_slots(self) -> int:
        """Slots in use."""
        return self._end - self._start

    @property
    def keys(self) -> Tensor | None:
        return self._buffers[0].narrow(2, self._start, self.used_slots) if self._buffers else None

    @property
    def values(self) -> Tensor | None:
        return self._buffers[1].narrow(2, self._start, self.used_slots) if self._buffers else None

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.reset()
        self._buffers = key_states.narrow(2, 0, 0), value_states.narrow(2, 0, 0)

    def _append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put keys and values behind those held; returns the buffers."""
        new, buffers = keys.shape[2], self._buffers
        tracked = torch.is_grad_enabled() and keys.requires_grad
        frozen = buffers is not None and read_only(buffers[0])
        if buffers is None or tracked or frozen or self._end + new > buffers[0].shape[2]:
            earlier = [] if buffers is None else [(self.keys, self.values)]
            room = 0 if tracked else ROOM
            self._buffers = buffers = self._with_room([*earlier, (keys, values)], room)
            self._start, self._end = 0, self.used_slots + new
        else:
            buffers[0].narrow(2, self._end, new).copy_(keys)
            buffers[1].narrow(2, self._end, new).copy_(values)
            self._end += new
        self._seen += new
        return buffers

    @staticmethod
    def _with_room(pairs: list[Any], room: int) -> tuple[Tensor, Tensor]:
        """The (keys, values) of `pairs` joined along the tokens, with `room` free slots behind them."""
        buffers = []
        for parts in zip(*pairs, strict=True):
            like = parts[-1]
            buffers.append(torch.cat([*parts, like.new_empty(*like.shape[:2], room, like.shape[3])], dim=2))
        return buffers[0], buffers[1]

    def get_seq_length(self) -> int:
        return self._seen

    def map_tensors(self, change: Change) -> None:
        if self._buffers is not None:
            self._buffers = change(self._buffers[0]), change(self._buffers[1])

    def reset(self) -> None:
        self._buffers = None
        self._seen = self._start = self._end = 0


class SlidingWindowLayer(WanderingLayer):
    """The newest tokens; attention sees W - 1 of them and the new ones.

    Args:
        sliding_window: W; a query sees itself and the W - 1 tokens before it.
        spare: older tokens that are kept for `crop`.
    """

    sliding_window: int

    def __init__(self, sliding_window: int, spare: int = SPARE) -> None:
        super().__init__()
        self.sliding_window, self.spare = sliding_window, spare

    def _past(self) -> int:
        """Earlier tokens that attention sees."""
        return min(self.used_slots, self.sliding_window - 1)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        length = self._past() + key_states.shape[2]
        all_keys, all_values = self._append(key_states, value_states)
        first = self._end - length
        self._start = max(self._start, self._end - (self.sliding_window - 1 + self.spare))
        return all_keys.narrow(2, first, length), all_values.narrow(2, first, length)

    def geometry(self, new: int) -> tuple[int, int]:
        return self._past() + new, self._past()

    def get_max_length(self) -> None:
        return None

    def crop(self, length: int) -> None:
        self._end -= self._seen - length
        self._seen = length

    def shown(self, mask: Tensor, new: int) -> Tensor:
        return newest(mask, self._seen + new, self._past() + new)

    def needs(self, length: int) -> int:
        return max(0, length - (self.sliding_window - 1))

    def tokens(self) -> Tokens | None:
        keys, values = self.keys, self.values
        return None if keys is None or values is None else Tokens(self._seen - self.used_slots, keys, values)

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        tokens = self.tokens()
        return ({}, {}) if tokens is None else ({"keys": tokens.keys, "values": tokens.values}, {"seen": self._seen})

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self.reset()
        if tensors:
            check_tokens(tensors, numbers["seen"], self.needs(numbers["seen"]))
            self.update(tensors["keys"], tensors["values"])
            self._seen = numbers["seen"]


class SlidingWindowCache(StaticCache):
    """A `StaticCache` for a model whose layers look back `config.sliding_window` tokens: room for these, however long the text.

    For a model without windows it is a `StaticCache`, and a warning says so.
    """

    kind = "sliding_window"

    def __init__(self, config: Any = None, max_cache_len: int = 0, **options: Any) -> None:
        if not layer_types(config).slides:
            warn_once(
                "no-window",
                "the sliding_window cache is for models whose config has sliding_window; this one looks at all tokens: it is a"
                " 'static' one",
            )
        super().__init__(config, max_cache_len, **options)


def build(config: Any, length: int, max_cache_len: int | None = None, offloading: bool = False) -> SlidingWindowCache:
    """A `SlidingWindowCache`; full layers, if the model has some, get `max_cache_len` slots, or what the call needs."""
    return SlidingWindowCache(config, max_cache_len or length, offloading=offloading)
