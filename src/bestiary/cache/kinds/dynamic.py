"""A cache that grows with the sequence, the default of most models."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ..base import Cache, Legacy
from ..layer import CacheLayer, Change, Tokens, move_rows, read_only
from ..layer_types import LayerTypes, layer_types
from .recurrent import layer_for
from .sliding_window import SlidingWindowLayer
from .static import check_tokens

__all__ = ["DynamicCache", "DynamicLayer"]

ALIASES = {"dynamic_full": {"keep_all": True}}

# Slots added at a time. Copying all slots once in so many steps costs about a hundredth of what attention reads meanwhile.
BLOCK = 256
# Bytes of keys that a block may take: a million short rows would fill the memory with room that nobody writes.
_MOST_ROOM = 2**28


class DynamicLayer(CacheLayer):
    """Keys and values in two buffers with room to spare; only the slots in use are ever shown."""

    def __init__(self) -> None:
        self._keys: Tensor | None = None
        self._values: Tensor | None = None
        self._seen = 0
        self._room = 0  # slots that may be written in place

    @property
    def keys(self) -> Tensor | None:
        return None if self._keys is None else self._keys.narrow(2, 0, self._seen)

    @keys.setter
    def keys(self, keys: Tensor | None) -> None:
        self._values = self.values  # without the room to spare, until it is set as well
        self._keys, self._seen, self._room = keys, 0 if keys is None else keys.shape[2], 0

    @property
    def values(self) -> Tensor | None:
        if self._values is None:
            return None
        # Without room to spare there may be fewer values than keys, which were set first.
        return self._values.narrow(2, 0, self._seen if self._room else min(self._seen, self._values.shape[2]))

    @values.setter
    def values(self, values: Tensor | None) -> None:
        self._values, self._room = values, 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self._seen = self._room = 0
        self._keys, self._values = (new.new_empty(*new.shape[:2], 0, new.shape[3]) for new in (key_states, value_states))

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        start, end = self._seen, self._seen + key_states.shape[2]
        if self._keys is not None and self._keys.shape[0] != key_states.shape[0]:
            raise InputError(f"the cache holds {self._keys.shape[0]} rows and is given {key_states.shape[0]}")
        if torch.is_grad_enabled() and (key_states.requires_grad or (self._keys is not None and self._keys.requires_grad)):
            # Autograd needs what earlier steps saved, so nothing may be written in place.
            self._keys, self._values = _joined(self.keys, key_states), _joined(self.values, value_states)
            self._seen, self._room = end, 0
            return self._keys, self._values
        if self._keys is None or self._values is None or end > self._room or read_only(self._keys):
            self._keys, self._values = _grown(self.keys, key_states, end), _grown(self.values, value_states, end)
            self._room = self._keys.shape[2]
        self._keys.narrow(2, start, end - start).copy_(key_states)
        self._values.narrow(2, start, end - start).copy_(value_states)
        self._seen = end
        return self._keys.narrow(2, 0, end), self._values.narrow(2, 0, end)

    def geometry(self, new: int) -> tuple[int, int]:
        return self._seen + new, self._seen

    def get_seq_length(self) -> int:
        return self._seen

    def get_max_length(self) -> None:
        return None

    def crop(self, length: int) -> None:
        self._seen = length

    def map_tensors(self, change: Change) -> None:
        if self._keys is not None and self._values is not None:
            self._keys, self._values = change(self._keys), change(self._values)

    def map_batch(self, change: Change) -> None:
        if self._keys is not None and self._values is not None and self._room > 2 * self._seen:
            # There is more room to spare than there are tokens; it holds nothing worth a copy.
            self._keys, self._values = self._keys.narrow(2, 0, self._seen), self._values.narrow(2, 0, self._seen)
            self._room = 0
        self.map_tensors(change)

    def reorder(self, parents: Tensor, since: int) -> None:
        if self._keys is None or self._values is None or self._room == 0:
            return super().reorder(parents, since)
        for buffer in (self._keys, self._values):
            move_rows(buffer.narrow(2, since, self._seen - since), parents)

    def reset(self) -> None:
        self._keys = self._values = None
        self._seen = self._room = 0

    def tokens(self) -> Tokens | None:
        return None if self.keys is None or self.values is None else Tokens(0, self.keys, self.values)

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        if self.keys is None or self.values is None:
            return {}, {}
        return {"keys": self.keys, "values": self.values}, {"seen": self._seen}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self.reset()
        if tensors:
            check_tokens(tensors, numbers["seen"])
            self.update(tensors["keys"], tensors["values"])


def _pairs(layers: Any) -> list[tuple[Tensor, ...]]:
    """The keys and values, and perhaps the window, of each layer.

    Raises:
        ArgumentError: something else.
    """
    pairs = list(layers) if isinstance(layers, Iterable) else None
    if pairs is None or any(not isinstance(pair, tuple | list | Tensor) or len(pair) < 2 for pair in pairs):
        raise ArgumentError(
            f"a DynamicCache begins with {layers!r:.80}; expected nothing, config=, or for each layer its keys and values"
        )
    return pairs


def _joined(earlier: Tensor | None, new: Tensor) -> Tensor:
    return new if earlier is None else torch.cat([earlier, new], dim=2)


def _grown(earlier: Tensor | None, new: Tensor, end: int) -> Tensor:
    buffer = new.new_empty(new.shape[0], new.shape[1], end + _spare(new), new.shape[3])
    if earlier is not None:
        buffer.narrow(2, 0, earlier.shape[2]).copy_(earlier)
    return buffer


def _spare(new: Tensor) -> int:
    """Slots to add beyond those needed, for rows like `new`."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return BLOCK
    return min(BLOCK, max(8, _MOST_ROOM // max(1, new[:, :, :1].numel() * new.element_size())))


class DynamicCache(Cache):
    """Grows without limit, a block of slots at a time, so that the cost of a token does not depend on its position.

    Args:
        ddp_cache_data: keys and values (B, G, S, K) of each layer to start from, as `to_legacy_cache` or iteration gives them;
            copied.
        config: the model's config; layers that have a window by it keep no more than they can still see. With it, `layers`
            holds one for each of the model's from the start.
        offloading: keep all layers but the one at work in the host's memory.
        offload_only_non_sliding: with `offloading`, leave layers with a window where they are.

    >>> cache = DynamicCache()
    >>> keys, values = cache.update(torch.ones(1, 2, 5, 4), torch.ones(1, 2, 5, 4), layer_idx=0)
    >>> keys.shape, cache.get_seq_length()
    (torch.Size([1, 2, 5, 4]), 5)
    """

    kind = "dynamic"

    def __init__(
        self,
        ddp_cache_data: Iterable[tuple[Tensor, ...]] | None = None,
        config: Any = None,
        offloading: bool = False,
        offload_only_non_sliding: bool = False,
    ) -> None:
        super().__init__(offloading=offloading, offload_only_non_sliding=offload_only_non_sliding)
        self._start(layer_types(config))
        for index, (keys, values, *window) in enumerate(_pairs(() if ddp_cache_data is None else ddp_cache_data)):
            if window and window[0] is not None and index >= len(self.layers):
                self.layers.append(SlidingWindowLayer(int(window[0])))
            self.update(keys, values, index)

    def _start(self, types: LayerTypes) -> None:
        self.types = types
        self.layers = [self.make_layer(index) for index in range(types.cached)]

    def make_layer(self, layer_idx: int) -> CacheLayer:
        window = self.types.window_of(layer_idx)
        make: Callable[[], CacheLayer] = DynamicLayer if window is None else partial(SlidingWindowLayer, window)
        return layer_for(self.types, layer_idx, make)

    def options(self) -> dict[str, Any]:
        return {"keep_all": True} if not self.types.kinds or (self.types.slides and self.types.window is None) else {}

    @classmethod
    def from_legacy_cache(cls, past_key_values: Legacy | None = None) -> Self:
        """A cache holding a copy of what `to_legacy_cache` gave."""
        return cls(past_key_values or ())


def build(config: Any, length: int, keep_all: bool = False) -> DynamicCache:
    """A `DynamicCache`; with `keep_all`, layers with a window keep every token too."""
    cache = DynamicCache(config=config)
    if keep_all:
        cache._start(cache.types._replace(window=None))
    return cache
