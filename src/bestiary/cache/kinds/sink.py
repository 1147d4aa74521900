"""A cache that keeps the first tokens and the newest ones (Xiao et al. 2023, attention sinks)."""

from typing import Any

import torch
from torch import Tensor

from ...core.errors import CapacityError, ConfigError, InputError
from ..base import Cache
from ..layer import Change, Tokens
from .sliding_window import WanderingLayer
from .static import check_tokens

__all__ = ["SinkCache", "SinkLayer"]


class SinkLayer(WanderingLayer):
    """The first tokens (sinks) right before the newest ones.

    Rotary positions only count by their distance, so instead of moving all newer tokens back by one each step, as the paper
    words it, the few sinks are turned forward to stand right before the oldest token kept. Once positions reach the end of
    what the model knows, the newer tokens are turned back once, so that they begin right behind the sinks again.
    """

    not_cut = "the sink cache has dropped tokens of it"

    def __init__(self, cache: "SinkCache", layer_idx: int) -> None:
        super().__init__()
        self._cache, self._layer_idx = cache, layer_idx
        self.window, self.sinks = cache.window_length, cache.num_sink_tokens
        self._first: tuple[Tensor, Tensor] | None = None  # the sinks as they were at positions 0, 1, ...; once tokens drop
        self._base = 0  # position p is token number p + base

    def _next_base(self) -> int:
        """The base that the next tokens have their positions by."""
        limit = min((rotary.limit for rotary in self._cache.rotary if rotary is not None), default=None)
        at_end = limit is not None and self.used_slots == self.window and self._seen - self._base >= limit
        return self._seen + 1 - self.window if at_end else self._base

    def position(self) -> int:
        return self._seen - self._next_base()

    def _turned(self, keys: Tensor, by: int) -> Tensor:
        """The keys as if they stood `by` positions further on."""
        rotary = self._cache.rotary[self._layer_idx] if self._cache.rotary else None
        return keys if rotary is None else rotary.turn(keys, by)

    def _drops(self, new: int) -> int:
        """How many tokens make room for `new` ones."""
        dropped, room = max(0, self.used_slots + new - self.window), self.window - self.sinks
        if dropped and new > room:
            raise CapacityError(
                f"{new} new tokens do not fit behind {self.sinks} sinks in a window of {self.window}: set prefill_chunk_size "
                f"to at most {room}, or make the cache with a larger window_length"
            )
        return dropped

    def geometry(self, new: int) -> tuple[int, int]:
        self._drops(new)
        slots = min(self.used_slots + new, self.window)
        return slots, slots - new

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        dropped = self._drops(key_states.shape[2])
        self._turn_back()
        if dropped and self._first is None and self._buffers is not None:
            first = [buffer.narrow(2, self._start, self.sinks).clone() for buffer in self._buffers]
            self._first = first[0], first[1]
        all_keys, all_values = self._append(key_states, value_states)
        self._start += dropped
        if dropped and self._first is not None:
            turned = self._turned(self._first[0], self._seen - self.used_slots - self._base)
            all_keys.narrow(2, self._start, self.sinks).copy_(turned)
            all_values.narrow(2, self._start, self.sinks).copy_(self._first[1])
        return all_keys.narrow(2, self._start, self.used_slots), all_values.narrow(2, self._start, self.used_slots)

    def _turn_back(self) -> None:
        """Where positions have reached the model's limit: turn the newer keys back, to begin right behind the sinks again."""
        base = self._next_base()
        if base != self._base and self._buffers is not None:
            newer = self._buffers[0].narrow(2, self._start + self.sinks, self.used_slots - self.sinks)
            newer.copy_(self._turned(newer, self._base - base))
            self._base = base

    def shown(self, mask: Tensor, new: int) -> Tensor:
        if self._seen + new <= self.window:
            return mask
        if mask.dim() == 2 and not bool(mask.all()):
            raise InputError(
                "the text is longer than the window of the sink cache, and attention_mask holds padding, which may stand where "
                "the sinks should be: generate rows of different lengths one by one"
            )
        return torch.cat([mask[..., : self.sinks], mask[..., mask.shape[-1] - self.window + self.sinks :]], dim=-1)

    def get_max_length(self) -> int:
        return self.window

    def crop(self, length: int) -> None:
        self._end -= self._seen - length
        self._seen = length

    def map_tensors(self, change: Change) -> None:
        super().map_tensors(change)
        if self._first is not None:
            self._first = change(self._first[0]), change(self._first[1])

    def reset(self) -> None:
        super().reset()
        self._first, self._base = None, 0

    def tokens(self) -> Tokens | None:
        keys, values = self.keys, self.values
        return None if keys is None or values is None or self._seen > self.window else Tokens(0, keys, values)

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        keys, values = self.keys, self.values
        if keys is None or values is None:
            return {}, {}
        first = {} if self._first is None else {"sink_keys": self._first[0], "sink_values": self._first[1]}
        return {"keys": keys, "values": values, **first}, {"seen": self._seen, "base": self._base}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self.reset()
        if tensors:
            check_tokens(tensors, numbers["seen"], max(0, numbers["seen"] - self.window))
            self._append(tensors["keys"], tensors["values"])
            if "sink_keys" in tensors:
                self._first = tensors["sink_keys"].clone(), tensors["sink_values"].clone()
            self._seen, self._base = numbers["seen"], numbers.get("base", 0)


class SinkCache(Cache):
    """The first `num_sink_tokens` tokens and the newest others, `window_length` together: any length in constant memory.

    `get_seq_length` counts all tokens seen, as the sliding window's does, since the positions of the next ones and what of an
    input is new follow from it. The tokens held are those that `key_cache` shows, at most `get_max_cache_shape()`; the
    `SinkCache` of the published release 4.46 gave their number as `get_seq_length`, and did without the other.
    The first input must fit the window, or be fed in parts (`prefill_chunk_size`).

    Args:
        window_length: tokens held, sinks included.
        num_sink_tokens: how many of the first tokens stay.

    Raises:
        ConfigError: there is no room for a token besides the sinks.
    """

    kind = "sink"
    is_endless = True
    needs_rotary = True

    def __init__(self, window_length: int = 256, num_sink_tokens: int = 4) -> None:
        if num_sink_tokens < 0 or window_length <= num_sink_tokens:
            raise ConfigError(
                f"window_length={window_length} must exceed num_sink_tokens={num_sink_tokens}, which is 0 or more"
            )
        super().__init__()
        self.window_length, self.num_sink_tokens = window_length, num_sink_tokens

    def make_layer(self, layer_idx: int) -> SinkLayer:
        return SinkLayer(self, layer_idx)

    def options(self) -> dict[str, Any]:
        return {"window_length": self.window_length, "num_sink_tokens": self.num_sink_tokens}


def build(config: Any, length: int, window_length: int = 256, num_sink_tokens: int = 4) -> SinkCache:
    """A `SinkCache`; needs no length."""
    return SinkCache(window_length, num_sink_tokens)
