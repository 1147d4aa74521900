"""The two caches of a decoder that looks at an encoder: one for its own tokens, one for the encoder's."""

from collections.abc import Callable, Iterator
from typing import Any, Self

from torch import Tensor

from ..core.errors import ArgumentError
from .base import Cache, Legacy
from .kinds.dynamic import DynamicCache
from .layer import CacheLayer


class EncoderDecoderCache(Cache):
    """A pair of caches of any kind. A method acts on the decoder's own cache, unless its docstring names both.

    Args:
        self_attention_cache: keys and values of the decoder's tokens; or both halves in tuples, one of a layer: the decoder's
            keys and values, then those of the encoder's output.
        cross_attention_cache: keys and values of the encoder's output, computed once per layer.

    `is_updated[layer_idx]` says whether the keys of the encoder's output are there for that layer.
    """

    kind = "encoder_decoder"
    self_attention_cache: Cache
    cross_attention_cache: Cache

    def __init__(self, self_attention_cache: Cache | Legacy | None = None, cross_attention_cache: Cache | None = None) -> None:
        self.transfer = None
        if isinstance(self_attention_cache, tuple | list):
            both = type(self).from_legacy_cache(self_attention_cache)
            self_attention_cache, cross_attention_cache = both.self_attention_cache, both.cross_attention_cache
        for cache in (self_attention_cache, cross_attention_cache):
            if not isinstance(cache, Cache | None):
                raise ArgumentError(f"a pair of caches is made of {cache!r:.80}; expected caches, such as DynamicCache()")
        self.self_attention_cache = DynamicCache() if self_attention_cache is None else self_attention_cache
        self.cross_attention_cache = DynamicCache() if cross_attention_cache is None else cross_attention_cache
        layers = self.cross_attention_cache.layers
        self.is_updated: dict[int, bool] = {index: True for index, layer in enumerate(layers) if layer.get_seq_length()}
        decoder_cache = self.self_attention_cache
        self.is_compileable, self.is_endless, self.needs_rotary = (
            decoder_cache.is_compileable,
            decoder_cache.is_endless,
            decoder_cache.needs_rotary,
        )

    @property
    def rotary(self) -> Any:
        """What turns keys to other positions, for the decoder's own cache."""
        return self.self_attention_cache.rotary

    @rotary.setter
    def rotary(self, value: Any) -> None:
        self.self_attention_cache.rotary = value

    @property
    def layers(self) -> list[CacheLayer]:  # type: ignore[override]
        """The layers of the decoder's own cache."""
        return self.self_attention_cache.layers

    def __iter__(self) -> Iterator[tuple[Tensor | None, ...]]:
        """Of each layer what iterating the two caches gives, the decoder's own first."""
        return (own + other for own, other in zip(self.self_attention_cache, self.cross_attention_cache, strict=False))

    @classmethod
    def around(cls, cache: Cache | None) -> Self | None:
        """`cache` if it is such a pair (or None), else a pair whose first half it is."""
        return cache if cache is None or isinstance(cache, cls) else cls(cache)

    def cross(self, layer_idx: int, project: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, S, K) of the encoder's output in layer `layer_idx`; `project` makes them the first time."""
        if not self.is_updated.get(layer_idx):
            projected = project()
            keys, values = self.cross_attention_cache.update(*projected, layer_idx)
            self.is_updated[layer_idx] = True  # not before: it may fail
            return keys[:, :, : projected[0].shape[2]], values[:, :, : projected[0].shape[2]]  # a fixed size may be larger
        return self.cross_attention_cache.read(layer_idx)

    def make_layer(self, layer_idx: int) -> CacheLayer:
        return self.self_attention_cache.make_layer(layer_idx)

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Add keys and values (B, G, T, K) of the decoder's tokens."""
        return self.self_attention_cache.update(key_states, value_states, layer_idx, *args, **kwargs)

    def check_dynamic_cache(self, method: str) -> None:
        """Refuse `method` unless both halves are a `DynamicCache`.

        Raises:
            ArgumentError: one is of another kind.
        """
        kinds = [type(half).__name__ for half in (self.self_attention_cache, self.cross_attention_cache)]
        if not all(isinstance(half, DynamicCache) for half in (self.self_attention_cache, self.cross_attention_cache)):
            raise ArgumentError(f"{method} needs a DynamicCache for both halves; found {' and '.join(kinds)}")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(self_attention_cache={self.self_attention_cache!r},"
            f" cross_attention_cache={self.cross_attention_cache!r})"
        )

    def settled(self) -> list[CacheLayer]:
        """The layers of the decoder's own cache, none of which is on its way between two devices."""
        return self.self_attention_cache.settled()

    def get_max_length(self, layer_idx: int = 0) -> int | None:
        """Tokens that the decoder's own cache can ever hold."""
        return self.self_attention_cache.get_max_length(layer_idx)

    def nbytes(self) -> int:
        """Bytes of both halves."""
        return self.self_attention_cache.nbytes() + self.cross_attention_cache.nbytes()

    @classmethod
    def from_batch_splits(cls, splits: list[Self]) -> Self:
        """The inverse of `batch_split`."""
        if not splits:
            return super().from_batch_splits(splits)  # says what is wrong
        decoder_cache, encoder_cache = splits[0].self_attention_cache, splits[0].cross_attention_cache
        return cls(
            decoder_cache.from_batch_splits([part.self_attention_cache for part in splits]),
            encoder_cache.from_batch_splits([part.cross_attention_cache for part in splits]),
        )

    def reset(self) -> None:
        """Forget everything, the encoder's output included."""
        self.self_attention_cache.reset()
        self.cross_attention_cache.reset()
        self.is_updated.clear()

    def reorder_cache(self, beam_idx: Tensor, since: int = 0) -> None:
        """As for any cache. Rows that share their first `since` tokens belong to one input: so is the output of its encoder."""
        self.self_attention_cache.reorder_cache(beam_idx, since)
        if since == 0:
            self.cross_attention_cache.reorder_cache(beam_idx)

    def _map_batch(self, change: Any) -> None:
        self.self_attention_cache._map_batch(change)
        self.cross_attention_cache._map_batch(change)

    def to_legacy_cache(self) -> Legacy:
        """For each layer (keys, values, keys of the encoder's output, its values)."""
        decoder_layers = self.self_attention_cache.to_legacy_cache()
        encoder_layers = self.cross_attention_cache.to_legacy_cache()
        return tuple(
            pair + (encoder_layers[index] if index < len(encoder_layers) else ()) for index, pair in enumerate(decoder_layers)
        )

    @classmethod
    def from_legacy_cache(cls, past_key_values: Legacy | None = None) -> Self:
        """A pair of dynamic caches holding a copy of what `to_legacy_cache` gave."""
        layers = past_key_values or ()
        decoder_cache = DynamicCache.from_legacy_cache(tuple(layer[:2] for layer in layers))
        return cls(decoder_cache, DynamicCache.from_legacy_cache(tuple(layer[2:] for layer in layers if len(layer) > 2)))

    def __getitem__(self, layer_idx: int) -> tuple[Tensor, ...]:  # type: ignore[override]
        encoder_cache = self.cross_attention_cache
        return self.self_attention_cache[layer_idx] + (encoder_cache[layer_idx] if self.is_updated.get(layer_idx) else ())
