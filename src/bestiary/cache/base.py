"""What every cache is: a list of layers, each holding the keys and values that attention has already computed.

A cache is passed in and changed in place; a model never hides one. Attention needs three calls and no more: `geometry`
before the layers run, `update` in each layer, `get_seq_length` for positions.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import torch

from ..core import plugins
from ..core.errors import ArgumentError, InputError, did_you_mean

Tensor = torch.Tensor
Legacy = tuple[tuple[Tensor, ...], ...]


class CacheLayer(ABC):
    """Keys and values of one layer, (B, G, S, K) each."""

    @property
    @abstractmethod
    def keys(self) -> Tensor | None:
        """The keys held, (B, G, S, K); None before the first update."""

    @property
    @abstractmethod
    def values(self) -> Tensor | None:
        """The values held, (B, G, S, K); None before the first update."""

    @abstractmethod
    def update(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add `keys` and `values` (B, G, T, K); returns all that attention looks at, (B, G, S, K)."""

    @abstractmethod
    def geometry(self, new: int) -> tuple[int, int | Tensor]:
        """(S, first): slots that attention sees once `new` tokens are added, and the slot of the first of these."""

    @abstractmethod
    def get_seq_length(self) -> int:
        """Tokens seen so far."""

    @abstractmethod
    def get_max_length(self) -> int | None:
        """Tokens this layer can ever hold; None when there is no limit."""

    @abstractmethod
    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens (0 <= length <= tokens seen)."""

    @abstractmethod
    def map_batch(self, change: Any) -> None:
        """Replace the batch: `change` maps a tensor (B, ...) to one of any number of rows."""

    def reorder(self, parents: Tensor, since: int) -> None:
        """Row i becomes the former row `parents[i]` (B,), from which it differs in the tokens from `since` on alone."""
        self.map_batch(lambda tensor: tensor.index_select(0, parents.to(tensor.device)))

    @abstractmethod
    def reset(self) -> None:
        """Forget everything, keep what is allocated."""


def move_rows(slots: Tensor, parents: Tensor) -> None:
    """Row i of `slots` (B, ...) becomes the former row `parents[i]` (B,), in place."""
    slots.copy_(slots.index_select(0, parents.to(slots.device)))


class Cache(ABC):
    """One `CacheLayer` per layer of a model, made when a layer first writes.

    Class attributes:
        is_compileable: shapes never change, so a forward with this cache can be compiled once for all steps.
    """

    is_compileable = False

    def __init__(self) -> None:
        self.layers: list[CacheLayer] = []

    @abstractmethod
    def make_layer(self, layer_idx: int) -> CacheLayer:
        """A new, empty layer for position `layer_idx`."""

    def layer(self, layer_idx: int) -> CacheLayer:
        """The layer at `layer_idx`, made with all before it if it does not exist yet."""
        while layer_idx >= len(self.layers):
            self.layers.append(self.make_layer(len(self.layers)))
        return self.layers[layer_idx]

    def update(self, keys: Tensor, values: Tensor, layer_idx: int) -> tuple[Tensor, Tensor]:
        """Add the keys and values (B, G, T, K) of layer `layer_idx`; returns all it holds, (B, G, S, K)."""
        if layer_idx >= len(self.layers):
            self.layer(layer_idx)
        return self.layers[layer_idx].update(keys, values)

    def geometry(self, new: int, layer_idx: int = 0) -> tuple[int, int | Tensor]:
        """(S, first): key slots that attention will see after `new` tokens are added, and the slot of the first new one.

        `first` is an int, or a 0-d tensor while a forward with a static cache is being compiled.
        """
        return self.layer(layer_idx).geometry(new)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens seen so far by layer `layer_idx`."""
        return self.layers[layer_idx].get_seq_length() if layer_idx < len(self.layers) else 0

    def get_max_length(self, layer_idx: int = 0) -> int | None:
        """Tokens this cache can ever hold; None when there is no limit."""
        return self.layer(layer_idx).get_max_length()

    def get_max_cache_shape(self, layer_idx: int = 0) -> int | None:
        """Older name of `get_max_length`."""
        return self.get_max_length(layer_idx)

    @property
    def batch_size(self) -> int | None:
        """Rows held; None before the first update."""
        keys = self.layers[0].keys if self.layers else None
        return None if keys is None else keys.shape[0]

    def crop(self, max_length: int) -> None:
        """Keep the first `max_length` tokens, or, when negative, drop the last `-max_length`; shorter caches stay as they are.

        Raises:
            InputError: more tokens are to be dropped than were seen.
        """
        seen = self.get_seq_length()
        length = max_length if max_length >= 0 else seen + max_length
        if length < 0:
            raise InputError(f"cannot drop the last {-max_length} tokens of a cache that has seen {seen}")
        if length < seen:
            for layer in self.layers:
                layer.crop(length)

    def reset(self) -> None:
        """Forget everything, keep what is allocated."""
        for layer in self.layers:
            layer.reset()

    def reorder_cache(self, beam_idx: Tensor, since: int = 0) -> None:
        """Row i becomes the former row `beam_idx[i]` (B,). The first `since` tokens of the two are known to be equal."""
        for layer in self.layers:
            layer.reorder(beam_idx, since)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row `repeats` times, copies side by side."""
        self._map_batch(lambda tensor: tensor.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows `indices`, in that order."""
        self._map_batch(lambda tensor: tensor.index_select(0, indices.to(tensor.device)))

    def _map_batch(self, change: Any) -> None:
        for layer in self.layers:
            layer.map_batch(change)

    def to_legacy_cache(self) -> Legacy:
        """A copy as plain tensors: for each layer the pair (keys, values) of the tokens seen."""
        return tuple((keys.clone(), values.clone()) for keys, values in self)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, layer_idx: int) -> tuple[Tensor, Tensor]:
        layer = self.layers[layer_idx]
        if layer.keys is None or layer.values is None:
            raise InputError(f"layer {layer_idx} of this cache is empty")
        return layer.keys, layer.values

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[index] for index in range(len(self.layers)))


class FromLegacy(Cache):
    """Adds `from_legacy_cache` to caches that can be filled with any number of tokens."""

    @classmethod
    def from_legacy_cache(cls, past_key_values: Legacy | None = None) -> Self:
        """A cache holding a copy of what `to_legacy_cache` gave."""
        cache = cls()
        for index, (keys, values) in enumerate(past_key_values or ()):
            cache.update(keys, values, index)
        return cache


# Files that no `cache_implementation` names: the base, the pair of two caches, and the pool of the batching engine.
_NOT_BY_NAME = frozenset({"base", "encoder_decoder", "paged"})


def implementations() -> tuple[str, ...]:
    """The values that `cache_implementation` takes: the file names of this folder."""
    return tuple(name for name in plugins.names(__package__) if name not in _NOT_BY_NAME)


def build(name: str, config: Any, length: int, options: dict[str, Any] | None = None) -> Cache:
    """An empty cache of the kind `name` for a model with `config` and a call of at most `length` tokens.

    Each file provides `build(config, length, **its own options)`; `options` is the published `cache_config`.

    Raises:
        ArgumentError: no such kind, or the kind has no option of that name.
    """
    if name not in implementations():
        near = did_you_mean(name, implementations())
        raise ArgumentError(f"unknown cache_implementation {name!r}.{near} Known: {', '.join(implementations())}")
    make = plugins.load(__package__, name, "cache_implementation").build
    known = [option for option in inspect.signature(make).parameters if option not in ("config", "length")]
    for option in options or {}:
        if option not in known:
            near = did_you_mean(option, known)
            raise ArgumentError(f"cache_config has no option {option!r} for the {name} cache.{near} Known: {known}")
    made: Cache = make(config, length, **(options or {}))
    return made
