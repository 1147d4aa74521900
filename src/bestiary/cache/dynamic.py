"""A cache that grows with the sequence, the default of most models."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import torch

from .base import CacheLayer, FromLegacy, Tensor, move_rows

# Slots added at a time. Copying all slots once in so many steps costs about a hundredth of what attention reads meanwhile.
BLOCK = 256


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

    @property
    def values(self) -> Tensor | None:
        return None if self._values is None else self._values.narrow(2, 0, self._seen)

    def update(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        start, end = self._seen, self._seen + keys.shape[2]
        if torch.is_grad_enabled() and (keys.requires_grad or (self._keys is not None and self._keys.requires_grad)):
            # Autograd needs what earlier steps saved, so nothing may be written in place.
            self._keys, self._values = _joined(self.keys, keys), _joined(self.values, values)
            self._seen, self._room = end, 0
            return self._keys, self._values
        if self._keys is None or self._values is None or end > self._room or _read_only(self._keys):
            self._keys, self._values = _grown(self.keys, keys, end), _grown(self.values, values, end)
            self._room = end + BLOCK
        self._keys.narrow(2, start, end - start).copy_(keys)
        self._values.narrow(2, start, end - start).copy_(values)
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

    def map_batch(self, change: Callable[[Tensor], Tensor]) -> None:
        if self._keys is not None and self._values is not None:
            self._keys, self._values = change(self._keys), change(self._values)

    def reorder(self, parents: Tensor, since: int) -> None:
        if self._keys is None or self._values is None or self._room == 0:
            return super().reorder(parents, since)
        for buffer in (self._keys, self._values):
            move_rows(buffer.narrow(2, since, self._seen - since), parents)

    def reset(self) -> None:
        self._keys = self._values = None
        self._seen = self._room = 0


def _joined(held: Tensor | None, new: Tensor) -> Tensor:
    return new if held is None else torch.cat([held, new], dim=2)


def _grown(held: Tensor | None, new: Tensor, end: int) -> Tensor:
    buffer = new.new_empty(new.shape[0], new.shape[1], end + BLOCK, new.shape[3])
    if held is not None:
        buffer.narrow(2, 0, held.shape[2]).copy_(held)
    return buffer


def _read_only(buffer: Tensor) -> bool:
    return buffer.is_inference() and not torch.is_inference_mode_enabled()


class DynamicCache(FromLegacy):
    """Grows without limit, a block of slots at a time, so that the cost of a token does not depend on its position.

    Args:
        pairs: keys and values (B, G, S, K) of each layer to start from, as `to_legacy_cache` gives them; copied.

    >>> cache = DynamicCache()
    >>> keys, values = cache.update(torch.ones(1, 2, 5, 4), torch.ones(1, 2, 5, 4), layer_idx=0)
    >>> keys.shape, cache.get_seq_length()
    (torch.Size([1, 2, 5, 4]), 5)
    """

    def __init__(self, pairs: Iterable[tuple[Tensor, Tensor]] = ()) -> None:
        super().__init__()
        for index, (keys, values) in enumerate(pairs):
            self.update(keys, values, index)

    def make_layer(self, layer_idx: int) -> DynamicLayer:
        return DynamicLayer()

    def batch_split(self, full_batch_size: int, split_size: int) -> list[Self]:
        """Caches of `split_size` rows each (the last may be smaller), with copies of this one's rows in order."""
        starts = range(0, full_batch_size, split_size)
        return [type(self)((k[at : at + split_size], v[at : at + split_size]) for k, v in self) for at in starts]

    @classmethod
    def from_batch_splits(cls, splits: list[Self]) -> Self:
        """The inverse of `batch_split`: one cache with the rows of all `splits`."""
        layers = zip(*splits, strict=True)
        return cls((torch.cat([k for k, _ in layer]), torch.cat([v for _, v in layer])) for layer in layers)


def build(config: Any, length: int) -> DynamicCache:
    """A `DynamicCache`; it has no options and needs no length."""
    return DynamicCache()
