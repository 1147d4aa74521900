"""What every cache is: a list of layers, each holding the keys and values that attention has already computed.

A cache is passed in and changed in place; a model never hides one. Attention needs three calls and no more: `geometry`
before the layers run, `update` in each layer, `position` for positions. Keys are always given in the order of the tokens.
"""

import copy
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self, SupportsIndex

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError, OutOfVocabulary
from .layer import CacheLayer, Change
from .transfer import Transfer


def _number(window: int | None) -> Tensor | None:
    return None if window is None else torch.tensor(window)


_MOST_LAYERS = 2**10  # as of a config (`core.kinds.Depth`)
Legacy = tuple[tuple[Tensor, ...], ...]


class Cache:
    """One `CacheLayer` per layer of a model, made when a layer first writes.

    Args:
        layers: the layers, where they are there already. layer_class_to_replicate: what makes further ones, called without
            arguments; a subclass overrides `make_layer` instead.
        offloading: keep all layers but the one at work in the host's memory. offload_only_non_sliding: those without a window.

    Class attributes:
        kind: the file name, which is the value of `cache_implementation`.
        is_compileable: shapes never change, so a forward with this cache can be compiled once for all steps.
        is_endless: takes any number of tokens, also more than the model has positions for.
        needs_rotary: wants `rotary`, what turns the keys of each layer to other positions (an `nn.rope.Rotary`, or None where
            they do not turn; empty where positions are not rotary); the model sets it before it runs.
    """

    kind: ClassVar[str] = ""
    is_compileable = False
    is_endless = False
    needs_rotary = False
    rotary: Sequence[Any] = ()

    def __init__(
        self,
        layers: Sequence[CacheLayer] | None = None,
        layer_class_to_replicate: Callable[[], CacheLayer] | None = None,
        offloading: bool = False,
        offload_only_non_sliding: bool = True,
    ) -> None:
        self.layers: list[CacheLayer] = list(layers or ())
        self.layer_class_to_replicate = layer_class_to_replicate
        self.transfer = Transfer(only_non_sliding=offload_only_non_sliding) if offloading else None
        if offloading:
            self.is_compileable = False

    def make_layer(self, layer_idx: int) -> CacheLayer:
        """A new, empty layer for position `layer_idx`.

        Raises:
            InputError: the cache has the layers that it was made of and no others.
        """
        if self.layer_class_to_replicate is None:
            raise InputError(
                f"this cache was made of {len(self.layers)} layers and has none at {layer_idx}; pass layers=[...], one for each"
                " layer of the model, or layer_class_to_replicate="
            )
        return self.layer_class_to_replicate()

    def options(self) -> dict[str, Any]:
        """The options with which `build` makes such a cache again."""
        return {}

    def layer(self, layer_idx: int) -> CacheLayer:
        """The layer at `layer_idx`, made with all before it if it does not exist yet.

        Raises:
            InputError: no model has so many layers.
        """
        if not 0 <= layer_idx < _MOST_LAYERS:
            raise InputError(
                f"layer_idx is {layer_idx}; this cache has {len(self.layers)} layers, expected 0 to {_MOST_LAYERS - 1}"
            )
        while layer_idx >= len(self.layers):
            self.layers.append(self.make_layer(len(self.layers)))
        return self.layers[layer_idx]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Add the keys and values (B, G, T, K) of layer `layer_idx`; returns all it holds, (B, G, S, K).

        Further arguments are what models written for other caches pass (angles, slots); every cache here counts by itself.

        Raises:
            InputError: there is no such layer, or the keys and values are of different tokens.
        """
        if not 0 <= layer_idx < len(self.layers):
            self.layer(layer_idx)
        if not torch.compiler.is_compiling() and not (isinstance(key_states, Tensor) and isinstance(value_states, Tensor)):
            found = f"{type(key_states).__name__} and {type(value_states).__name__}"
            raise ArgumentError(f"a cache is given keys and values as {found}; expected tensors (rows, heads, tokens, width)")
        if key_states.shape[:3] != value_states.shape[:3] and not torch.compiler.is_compiling():
            shapes = f"keys of shape {tuple(key_states.shape)} and values of {tuple(value_states.shape)}"
            raise InputError(f"a cache is given {shapes}; expected as many rows, heads and tokens in both")
        if self.transfer is not None:
            self.transfer.bring(self.layers, layer_idx, key_states.device)
        return self.layers[layer_idx].update(key_states, value_states, *args, **kwargs)

    def read(self, layer_idx: int) -> tuple[Tensor, Tensor]:
        """The keys and values (B, G, n, K) of the n tokens that layer `layer_idx` holds, for attention that adds none."""
        if self.transfer is not None:
            self.transfer.bring(self.layers, layer_idx)
        layer = self.layers[layer_idx]
        tokens = layer.tokens()
        if tokens is not None:
            return tokens.keys, tokens.values
        if layer.keys is None or layer.values is None:
            raise InputError(f"layer {layer_idx} of this cache is empty")
        return layer.keys, layer.values

    def geometry(self, new: int, layer_idx: int = 0) -> tuple[int, int | Tensor]:
        """(S, first): key slots that attention will see after `new` tokens are added, and the slot of the first new one.

        `first` is an int, or a 0-d tensor while a forward with a static cache is being compiled.
        """
        return self.layer(layer_idx).geometry(new)

    def position(self, layer_idx: int = 0) -> int | Tensor:
        """The position of the next token; a 0-d tensor while a forward with a static cache is being compiled."""
        return self.layer(layer_idx).position()

    def shown(self, mask: Tensor, new: int, layer_idx: int = 0) -> Tensor:
        """Of `mask` (..., seen + new) the columns of the slots that attention will see in layer `layer_idx`."""
        return self.layer(layer_idx).shown(mask, new)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens seen so far by layer `layer_idx`."""
        return self.layers[layer_idx].get_seq_length() if layer_idx < len(self.layers) else 0

    def get_max_length(self, layer_idx: int = 0) -> int | None:
        """Tokens this cache can ever hold; None when there is no limit."""
        limit = self.layer(layer_idx).get_max_length()
        return None if limit is None or limit < 0 else limit  # layers of others say -1

    def get_max_cache_shape(self, layer_idx: int = 0) -> int | None:
        """Older name of `get_max_length`."""
        return self.get_max_length(layer_idx)

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Slots that attention will see after `query_length` new tokens, and the number of the token in the first of them."""
        slots, first = self.geometry(query_length, layer_idx)
        return slots, self.get_seq_length(layer_idx) - int(first)

    @property
    def is_initialized(self) -> bool:
        """Whether every layer holds anything, or room for it; false while there are no layers."""
        return bool(self.layers) and all(layer.is_initialized for layer in self.layers)

    @property
    def is_sliding(self) -> list[bool]:
        """For each layer, whether it forgets tokens beyond a window."""
        return [layer.is_sliding for layer in self.layers]

    @property
    def is_linear(self) -> list[bool]:
        """For each layer, whether it keeps a state of fixed size in place of keys and values."""
        return [layer.is_linear for layer in self.layers]

    @property
    def is_croppable(self) -> bool:
        """Whether the newest tokens of every layer can be taken back; false while there are no layers."""
        return bool(self.layers) and all(layer.is_croppable for layer in self.layers)

    @property
    def offloading(self) -> bool:
        """Whether all layers but the one at work are kept in the host's memory."""
        return self.transfer is not None

    def offload(self, layer_idx: int, only_non_sliding: bool = True) -> None:
        """Move layer `layer_idx` to the host's memory, unless it has a window and `only_non_sliding`."""
        if not (only_non_sliding and self.layers[layer_idx].is_sliding):
            self.layers[layer_idx].offload()

    def prefetch(self, layer_idx: int, only_non_sliding: bool = True) -> None:
        """Bring back the first layer from `layer_idx` on, around the end; with `only_non_sliding` one without a window."""
        order = (index % len(self.layers) for index in range(layer_idx, layer_idx + len(self.layers)))
        chosen = next((index for index in order if not (only_non_sliding and self.layers[index].is_sliding)), None)
        if chosen is not None:
            self.layers[chosen].prefetch()

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """The number of the next token of layer `layer_idx`."""
        return self.get_seq_length(layer_idx)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(layers={self.layers})"

    @property
    def batch_size(self) -> int | None:
        """Rows (B) of the cache; None before the first update."""
        return next((tensor.shape[0] for layer in self.layers for tensor in layer.state()[0].values()), None)

    def nbytes(self) -> int:
        """Bytes of all tensors held, room to spare included."""
        return sum(layer.nbytes() for layer in self.settled())

    def settled(self) -> list[CacheLayer]:
        """The layers, none of which is on its way between two devices."""
        if self.transfer is not None:
            self.transfer.settle(self.layers)
        return self.layers

    def _longer_than(self, length: int) -> list[CacheLayer]:
        """The layers that have seen more than `length` tokens; a draft by early exit fills the first alone."""
        return [layer for layer in self.settled() if layer.get_seq_length() > length]

    def crop(self, max_length: int) -> None:
        """Keep the first `max_length` tokens, or, when negative, drop the last `-max_length`; shorter caches stay as they are.

        Raises:
            InputError: more tokens are to be dropped than were seen, or what came before them is no longer held.
        """
        try:
            max_length = operator.index(max_length)
        except TypeError as error:
            raise ArgumentError(f"a cache is cut to {max_length!r:.80} tokens; expected a whole number") from error
        seq_length = self.get_seq_length()
        length = max_length if max_length >= 0 else seq_length + max_length
        if length < 0:
            raise InputError(f"cannot drop the last {-max_length} tokens of a cache that has seen {seq_length}")
        if length < seq_length:
            for layer in self._longer_than(length):
                if not layer.can_crop(length):
                    why = layer.not_cut or f"a layer with a window needs tokens {layer.needs(length)} on, which are gone"
                    raise InputError(
                        f"this {type(self).__name__} of {seq_length} tokens cannot go back to {length}: {why}. Keep a copy of "
                        "it from then, or use one that keeps all tokens ('dynamic_full')"
                    )
            for layer in self._longer_than(length):
                layer.crop(length)

    def can_crop(self, length: int) -> bool:
        """Whether `crop(length)` is possible, for a length of 0 or more."""
        return length >= self.get_seq_length() or all(layer.can_crop(length) for layer in self._longer_than(length))

    def reset(self) -> None:
        """Forget everything, keep what is allocated."""
        for layer in self.settled():
            layer.reset()

    def reorder_cache(self, beam_idx: Tensor, since: int = 0) -> None:
        """Row i becomes the former row `beam_idx[i]` (B,). The first `since` tokens of the two are known to be equal.

        Raises:
            OutOfVocabulary: the cache has no such row.
        """
        self._check_rows(beam_idx)
        for layer in self.settled():
            layer.reorder(beam_idx, since)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row `repeats` times, copies side by side.

        Raises:
            ArgumentError: `repeats` is no whole number from 0.
        """
        if not isinstance(repeats, SupportsIndex) or operator.index(repeats) < 0:
            raise ArgumentError(f"each row of a cache is repeated {repeats!r:.80} times; expected a whole number from 0")
        self._map_batch(lambda tensor: tensor.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows `indices`, in that order."""
        self._check_rows(indices)
        self._map_batch(lambda tensor: tensor.index_select(0, indices.to(tensor.device)))

    def _check_rows(self, indices: Any) -> None:
        """Refuse what are no rows of this cache, where the numbers are at hand."""
        if not isinstance(indices, Tensor):
            raise InputError(f"rows of a cache are chosen by {indices!r:.80}; expected a tensor of torch.int64")
        rows, at_hand = self.batch_size, indices.device.type == "cpu" and not torch.compiler.is_compiling()
        if rows is not None and at_hand and indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < rows:
            raise OutOfVocabulary(f"rows {indices.tolist()!r:.80} of a cache are asked for; it has {rows}, 0 to {rows - 1}")

    def batch_split(self, full_batch_size: int, split_size: int) -> list[Self]:
        """Caches of `split_size` rows each (the last may be smaller), with copies of this one's rows in order.

        Raises:
            InputError: this cache has another number of rows than `full_batch_size`, or a part would have none.
        """
        if split_size < 1 or self.batch_size not in (None, full_batch_size):
            raise InputError(
                f"a cache of {self.batch_size} rows cannot be split as {full_batch_size} rows into parts of {split_size}"
            )
        starts = range(0, full_batch_size, split_size)
        return [self._rows(torch.arange(at, min(at + split_size, full_batch_size))) for at in starts]

    @classmethod
    def from_batch_splits(cls, splits: list[Self]) -> Self:
        """The inverse of `batch_split`: one cache with the rows of all `splits`, which have seen as many tokens each.

        Raises:
            InputError: there are none, or they have seen different numbers of tokens.
        """
        if not splits:
            raise InputError("from_batch_splits was given no caches; expected at least one")
        joined = splits[0].copy()
        for index, layer in enumerate(joined.layers):
            states = [part.settled()[index].state() for part in splits]
            if any(numbers != states[0][1] for _, numbers in states):
                raise InputError(f"caches that have seen {[part.get_seq_length() for part in splits]} tokens cannot be joined")
            layer.restore({name: torch.cat([tensors[name] for tensors, _ in states]) for name in states[0][0]}, states[0][1])
        return joined

    def copy(self) -> Self:
        """An independent cache with the same content."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        self.settled()
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items() if name != "rotary"})
        twin.rotary = self.rotary
        return twin

    def _rows(self, rows: Tensor) -> Self:
        part = self.copy()
        part.batch_select_indices(rows)
        return part

    def _map_batch(self, change: Change) -> None:
        for layer in self.settled():
            layer.map_batch(change)

    def to_legacy_cache(self) -> Legacy:
        """A copy as plain tensors: for each layer the pair (keys, values) of the tokens held."""
        return tuple(tuple(tensor.clone() for tensor in self._exact(index)) for index in range(self._filled()))

    def _exact(self, layer_idx: int) -> tuple[Tensor, Tensor]:
        tokens = self.settled()[layer_idx].tokens()
        return self[layer_idx] if tokens is None else (tokens.keys, tokens.values)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, layer_idx: int) -> tuple[Tensor, Tensor]:
        layer = self.settled()[layer_idx]
        if layer.keys is None or layer.values is None:
            raise InputError(f"layer {layer_idx} of this cache is empty")
        return layer.keys, layer.values

    def __iter__(self) -> Iterator[tuple[Tensor | None, ...]]:
        """Of each layer its keys, its values, and its window, where it has one."""
        return ((layer.keys, layer.values, _number(layer.sliding_window)) for layer in self.settled())

    @property
    def key_cache(self) -> list[Tensor]:
        """The keys of each layer, up to the last that has any: none before the first tokens, unless room is taken at once."""
        return [self[index][0] for index in range(self._filled())]

    @property
    def value_cache(self) -> list[Tensor]:
        """The values of each layer, as `key_cache`."""
        return [self[index][1] for index in range(self._filled())]

    def _filled(self) -> int:
        """How many layers there are up to the last that has keys."""
        return max((index for index, layer in enumerate(self.layers, 1) if layer.keys is not None), default=0)
