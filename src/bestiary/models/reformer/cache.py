"""What Reformer remembers of a text: the states that each layer looked at, and the buckets that they fell into."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ...cache.base import Cache
from ...cache.kinds.dynamic import DynamicCache
from ...cache.kinds.recurrent import RecurrentLayer
from ...cache.layer import Change
from ...core.errors import ArgumentError, InputError


class BucketLayer(RecurrentLayer):
    """The states of one layer and their buckets. They cannot be cut: buckets are those of a text of the length it had.

    Attributes:
        states: (B, S, D); None before the first tokens. buckets: (B, H, R, S); None where nothing was hashed.
    """

    not_cut = "the buckets of its states are those of the whole text"

    def __init__(self) -> None:
        super().__init__()
        self.states: Tensor | None = None
        self.buckets: Tensor | None = None

    def after(self, states: Tensor) -> Tensor:
        """What is kept with states (B, T, D) of T more tokens behind it, (B, S + T, D)."""
        return states if self.states is None else torch.cat([self.states, states], dim=1)

    def add(self, states: Tensor, buckets: Tensor | None = None) -> Tensor:
        """Keep states (B, T, D), and the buckets of their tokens, or of all where none were hashed before; gives all states."""
        self.states = self.after(states)
        if buckets is not None:
            self.buckets = buckets if self.buckets is None else torch.cat([self.buckets, buckets], dim=-1)
        self.count(states.shape[1])
        return self.states

    def map_tensors(self, change: Change) -> None:
        self.states = None if self.states is None else change(self.states)
        self.buckets = None if self.buckets is None else change(self.buckets)

    def reset(self) -> None:
        super().reset()
        self.states = self.buckets = None

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        tensors = {"states": self.states, "buckets": self.buckets}
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}, {"seen": self._seen}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        super().restore({}, numbers)
        self.states, self.buckets = (tensors[name].clone() if name in tensors else None for name in ("states", "buckets"))


def bucket_layer(cache: Cache, layer_idx: int, device: torch.device | None = None) -> BucketLayer:
    """What `cache` keeps for layer `layer_idx` of a model that computes on `device`.

    Raises:
        ArgumentError: it holds what another model looked at.
    """
    layer = cache.layer(layer_idx)
    if not isinstance(layer, BucketLayer):
        if layer.get_seq_length():
            raise ArgumentError(
                f"this {type(cache).__name__} holds {layer.get_seq_length()} tokens of another model; Reformer keeps states"
                " and their buckets: make a new one"
            )
        cache.layers[layer_idx] = layer = BucketLayer()
        cache.is_compileable = False
    if cache.transfer is not None:
        cache.transfer.bring(cache.layers, layer_idx, device)
    return layer


class ReformerDynamicCache:
    """A cache in the published form: `buckets_cache` and `states_cache`, a tensor for each layer; empty for no buckets.

    Args:
        pairs: of each layer its buckets (B, H, R, S) and its states (B, S, D), where there are some already.
        cache: what keeps them; a new one by default.
    """

    def __init__(self, pairs: Iterable[tuple[Tensor | None, Tensor]] | None = None, cache: Cache | None = None) -> None:
        self.cache = DynamicCache() if cache is None else cache
        for index, (buckets, states) in enumerate(pairs or ()):
            self.update(buckets, states, index)

    def _layers(self) -> list[BucketLayer]:
        return [layer for layer in self.cache.settled() if isinstance(layer, BucketLayer)]

    @property
    def states_cache(self) -> list[Tensor]:
        """The states (B, S, D) of each layer."""
        return [layer.states for layer in self._layers() if layer.states is not None]

    @property
    def buckets_cache(self) -> list[Tensor]:
        """The buckets (B, H, R, S) of each layer; an empty tensor for a layer without."""
        return [torch.tensor([]) if layer.buckets is None else layer.buckets for layer in self._layers()]

    def update(
        self, buckets: Tensor | None, states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Add states (B, T, D) and buckets (B, H, R, T) of a layer; returns the buckets and states of all it has."""
        kept = None if buckets is None or not buckets.numel() else buckets
        bucket_layer(self.cache, layer_idx).add(states, kept)
        return self[layer_idx]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens seen so far."""
        return self.cache.get_seq_length(layer_idx)

    def get_start_idx(self) -> int:
        """The same, under the published name: the position of the next token."""
        return self.get_seq_length()

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Row i becomes the former row `beam_idx[i]`."""
        self.cache.reorder_cache(beam_idx)

    def __len__(self) -> int:
        return len(self._layers())

    def __getitem__(self, layer_idx: int) -> tuple[Tensor, Tensor]:
        return self.buckets_cache[layer_idx], self.states_cache[layer_idx]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(zip(self.buckets_cache, self.states_cache, strict=True))


def cache_of(past_buckets_states: Any, past_key_values: Any) -> Any:
    """The cache that a text goes on from: in the published form, pairs of buckets and states, or the cache itself.

    Raises:
        ArgumentError: both were given. InputError: `past_buckets_states` is something else.
    """
    if past_buckets_states is not None and past_key_values is not None:
        raise ArgumentError("past_buckets_states and past_key_values both say what is remembered; pass one")
    past = past_key_values if past_buckets_states is None else past_buckets_states
    if isinstance(past, ReformerDynamicCache):
        return past.cache
    if past_buckets_states is None or isinstance(past, Cache):
        return past
    # The published class, which other programs make, has the pairs in two lists.
    buckets, states = getattr(past, "buckets_cache", None), getattr(past, "states_cache", None)
    pairs = list(zip(buckets, states, strict=False)) if isinstance(buckets, list) and isinstance(states, list) else past
    if not isinstance(pairs, list | tuple) or not all(_is_pair(pair) for pair in pairs):
        raise InputError(
            f"past_buckets_states is a {type(past).__name__}; expected for each layer its buckets (B, H, R, S) and states"
            " (B, S, D), as an output of this model has them"
        )
    return ReformerDynamicCache(pairs).cache


def _is_pair(pair: Any) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[1], Tensor) or pair[1].dim() != 3:
        return False
    return pair[0] is None or (isinstance(pair[0], Tensor) and (not pair[0].numel() or pair[0].dim() == 4))
