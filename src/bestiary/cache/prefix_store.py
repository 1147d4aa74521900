"""States of earlier conversations, so that a prompt which begins like one of them is not computed again."""

import json
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from ..core.errors import ArgumentError, CorruptFile
from .base import Cache
from .files import read, write
from .layer import CacheLayer

_FORMAT = "bestiary-prefixes-1"


class LayerState(NamedTuple):
    """One row's state of one layer: the tokens from number `first` on, or, without a number, a state that cannot be cut."""

    first: int | None
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class Entry:
    """One conversation: whose it is (`model`), its `ids` (n,), and a state per layer, or a `reason` why there are none."""

    model: str
    ids: Tensor
    states: tuple[LayerState, ...]
    reason: str = ""

    @property
    def nbytes(self) -> int:
        return self.ids.nbytes + sum(tensor.nbytes for state in self.states for tensor in state.tensors.values())

    @property
    def can_be_cut(self) -> bool:
        """Whether any beginning of it can be used."""
        return bool(self.states) and all(state.first == 0 for state in self.states)

    def shared(self, ids: Tensor) -> int:
        """How many of the first tokens are those of `ids`."""
        length = min(len(ids), len(self.ids))
        differs = (self.ids[:length] != ids[:length]).nonzero()
        return int(differs[0]) if len(differs) else length

    def obstacle(self, layers: list[CacheLayer], length: int) -> str:
        """Why the first `length` tokens cannot be given to `layers`; an empty string when they can."""
        if not self.states:
            return self.reason
        for layer, state in zip(layers, self.states, strict=True):
            if state.first is None:
                if not layer.resumes or length != len(self.ids):
                    return layer.not_cut or "it was stored by a cache of another kind"
            elif layer.resumes:
                return "it was stored by a cache of another kind"
            elif state.first > layer.needs(length):
                return f"to go on after {length} a window needs tokens {layer.needs(length)} on, held are {state.first} on"
        return ""


class Reuse(NamedTuple):
    """The result of a look-up: for each row the number of tokens that came from the store, and why it is not more."""

    tokens: list[int]
    reason: str


class PrefixStore:
    """Keeps what models have computed for earlier conversations, up to `max_bytes`; the one unused longest goes first.

    Passed as `model.generate(..., prefix_store=store)`, it gives each row the longest beginning that some conversation shares
    with it, and takes up the conversation afterwards. The tokens are those of a cold run with any kind of cache: a state
    belongs to one model with exactly these weights, and where it cannot be cut at the place needed (behind a window, in a
    recurrent state, where tokens are quantized) the prompt is computed anew and the result says so. One store may serve
    several models and threads.

    Args:
        max_bytes: bytes of all states together.

    Raises:
        ArgumentError: `max_bytes` is not a positive number.
    """

    def __init__(self, max_bytes: int) -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
            raise ArgumentError(f"max_bytes is {max_bytes!r}; expected a number of bytes, 1 or more")
        self.max_bytes = max_bytes
        self._entries: OrderedDict[int, Entry] = OrderedDict()  # the one used last is the last
        self._next = 0
        self._nbytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def nbytes(self) -> int:
        """Bytes of all states held."""
        return self._nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._nbytes = 0

    def fill(self, model: str, cache: Cache, layers: int, ids: Tensor, padding: Tensor | None, device: torch.device) -> Reuse:
        """Give the empty `cache` as much of the prompts `ids` (R, T) as is known: the same number of slots in each row.

        Args:
            model: its fingerprint. layers: how many it has. padding: (R,) tokens of padding at the start of each row.
        """
        cache_layers, skips = [cache.layer(index) for index in range(layers)], _skips(ids, padding)
        rows = [row[skip:] for row, skip in zip(ids.cpu(), skips, strict=True)]
        matches = [self._best(model, cache_layers, row) for row in rows]
        slots = min(skip + length for skip, (_, length, _) in zip(skips, matches, strict=True))
        counts = [max(slots - skip, 0) for skip in skips]
        reason = "" if any(counts) else next(reason for _, length, reason in matches if not length)
        for (entry, _, _), count in zip(matches, counts, strict=True):
            if count and entry is not None:
                reason = reason or entry.obstacle(cache_layers, count)
        if any(skips) and any(layer.resumes for layer in cache_layers):
            reason = reason or "rows with padding cannot take up a recurrent state"
        if reason:
            return Reuse([0] * len(rows), reason)
        entries = [entry for entry, _, _ in matches]
        for index, layer in enumerate(cache_layers):
            states = [None if entry is None else entry.states[index] for entry in entries]
            tensors = _concatenated(states) if layer.resumes else _aligned(states, skips, counts, layer.needs(slots))
            layer.restore({name: tensor.to(device) for name, tensor in tensors.items()}, {"seen": slots})
        return Reuse(counts, "")

    def _best(self, model: str, layers: list[CacheLayer], row: Tensor) -> tuple[Entry | None, int, str]:
        """The entry that gives most of `row` (n,) to `layers`, how many tokens, and why none does if that is 0."""
        with self._lock:
            entries = [(key, entry) for key, entry in self._entries.items() if entry.model == model]
        reason, longest, best = "no stored conversation of this model begins like the prompt", 0, (-1, 0)
        for key, entry in entries:
            length = min(entry.shared(row), len(row) - 1)  # the last token must run to give logits
            obstacle = entry.obstacle(layers, length) if length > 0 else ""
            if obstacle and length > longest:
                longest, reason = length, f"a stored conversation shares {length} tokens, but {obstacle}"
            elif not obstacle and length > best[1]:
                best = key, length
        if not best[1]:
            return None, 0, reason
        with self._lock:
            if best[0] in self._entries:
                self._entries.move_to_end(best[0])
        return dict(entries)[best[0]], best[1], ""

    def keep(self, model: str, cache: Cache, ids: Tensor, padding: Tensor | None = None, ends: list[int] | None = None) -> None:
        """Take up what `cache` holds of the rows `ids` (R, n), which are all the tokens it has seen.

        Args:
            padding: as in `fill`. ends: the slot of each row after which only filling follows, which is left out if possible.
        """
        layers = cache.settled()
        for row, skip in enumerate(_skips(ids, padding)):
            self._add(_entry(model, layers, ids[row].cpu(), row, skip, ids.shape[1] if ends is None else ends[row]))

    def _add(self, new: Entry) -> None:
        if new.nbytes > self.max_bytes:
            reason = f"its states have {new.nbytes} bytes and max_bytes is {self.max_bytes}"
            new = Entry(new.model, new.ids, (), reason)
        with self._lock:
            for key, old in list(self._entries.items()):
                if old.model != new.model:
                    continue
                shared = old.shared(new.ids)
                if shared == len(new.ids) and old.can_be_cut:
                    self._entries.move_to_end(key)
                    return
                if shared == len(old.ids) and (new.can_be_cut or len(old.ids) == len(new.ids) or not old.states):
                    self._remove(key)
            self._entries[self._next] = new
            self._next, self._nbytes = self._next + 1, self._nbytes + new.nbytes
            while self._nbytes > self.max_bytes:
                self._remove(next(iter(self._entries)))

    def _remove(self, key: int) -> None:
        self._nbytes -= self._entries.pop(key).nbytes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that is held to the file `path`, whole or not at all.

        Raises:
            SaveError: the file cannot be written.
        """
        with self._lock:
            entries = list(self._entries.values())
        tensors, header = {}, []
        for number, entry in enumerate(entries):
            header.append({"model": entry.model, "reason": entry.reason, "first": [state.first for state in entry.states]})
            tensors[f"{number}.ids"] = entry.ids
            for layer, state in enumerate(entry.states):
                tensors.update({f"{number}.{layer}.{name}": tensor for name, tensor in state.tensors.items()})
        write(path, tensors, {"format": _FORMAT, "entries": json.dumps(header), "max_bytes": str(self.max_bytes)})

    @classmethod
    def load(cls, path: str | os.PathLike[str], max_bytes: int | None = None) -> Self:
        """The store that `save` wrote, with its own limit or another; what does not fit is left out, the oldest first.

        Raises:
            FileMissing: there is no such file. CorruptFile: it is damaged, or no saved store.
        """
        tensors, metadata = read(path, _FORMAT, "a saved PrefixStore")
        try:
            store = cls(int(metadata["max_bytes"]) if max_bytes is None else max_bytes)
            for number, entry in enumerate(json.loads(metadata["entries"])):
                ids = tensors[f"{number}.ids"]
                states = tuple(
                    _layer_state(tensors, f"{number}.{layer}.", first, ids) for layer, first in enumerate(entry["first"])
                )
                store._add(Entry(str(entry["model"]), ids, states, str(entry["reason"])))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise CorruptFile(f"{path} is not a whole PrefixStore: {error}") from error
        return store


def _layer_state(tensors: dict[str, Tensor], start: str, first: int | None, ids: Tensor) -> LayerState:
    """The state whose tensors begin with `start`, of the conversation `ids` (n,); ValueError where it is none."""
    row_tensors = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
    if ids.dim() != 1 or ids.is_floating_point() or any(tensor.shape[:1] != (1,) for tensor in row_tensors.values()):
        raise ValueError(f"{start} is not one row")
    if first is not None and not 0 <= first <= len(ids):
        raise ValueError(f"{start} begins with token {first} of {len(ids)}")
    shapes = [tensor.shape[2:3] for tensor in row_tensors.values() if tensor.dim() == 4]
    if first is not None and (set(row_tensors) != {"keys", "values"} or shapes != [(len(ids) - first,)] * 2):
        raise ValueError(f"{start} does not hold the tokens from {first} to {len(ids)}")
    return LayerState(first, row_tensors)


def _skips(ids: Tensor, padding: Tensor | None) -> list[int]:
    """For each of the rows `ids` (R, T) the number of padding tokens at its start."""
    return [0] * ids.shape[0] if padding is None else padding.tolist()


def _concatenated(states: list[LayerState | None]) -> dict[str, Tensor]:
    """The states of all rows as one."""
    tables = [state.tensors for state in states if state is not None]
    return {name: torch.cat([tensors[name] for tensors in tables]) for name in tables[0]}


def _aligned(states: list[LayerState | None], skips: list[int], counts: list[int], first: int) -> dict[str, Tensor]:
    """Keys and values (R, G, slots - first, K) of the slots from `first` on; zeros where a row has padding."""
    sample = next(state for state, count in zip(states, counts, strict=True) if state is not None and count)
    slots = max(skip + count for skip, count in zip(skips, counts, strict=True) if count) - first
    result = {}
    for name, row_tensor in sample.tensors.items():
        rows = row_tensor.new_zeros(len(states), row_tensor.shape[1], slots, row_tensor.shape[3])
        for row, (state, skip, count) in enumerate(zip(states, skips, counts, strict=True)):
            if count and state is not None and state.first is not None:
                start = max(first - skip, 0)
                rows[row, :, slots - (count - start) :] = state.tensors[name][0, :, start - state.first : count - state.first]
        result[name] = rows
    return result


def _entry(model: str, layers: list[CacheLayer], ids: Tensor, row: int, skip: int, end: int) -> Entry:
    """Row `row` of `layers`, whose slots hold `ids` (n,), the first `skip` of them padding, those from `end` on filling."""
    length, states = len(ids), []
    layer_tokens = [layer.tokens() for layer in layers]
    if all(tokens is not None and tokens.first <= layer.needs(end) for tokens, layer in zip(layer_tokens, layers, strict=True)):
        length = end
    for layer, tokens in zip(layers, layer_tokens, strict=True):
        if tokens is not None:
            start, stop = max(skip - tokens.first, 0), length - tokens.first
            parts = {"keys": tokens.keys, "values": tokens.values}
            cut = {name: tensor[row : row + 1, :, start:stop].clone() for name, tensor in parts.items()}
            states.append(LayerState(max(tokens.first - skip, 0), cut))
        elif layer.resumes and not skip:
            states.append(LayerState(None, {name: tensor[row : row + 1].clone() for name, tensor in layer.state()[0].items()}))
        else:
            return Entry(model, ids[skip:].clone(), (), layer.not_cut + (" and the row has padding" if layer.resumes else ""))
    return Entry(model, ids[skip:length].clone(), tuple(states))
