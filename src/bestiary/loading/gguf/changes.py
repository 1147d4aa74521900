"""What GGUF stores otherwise than the published files do, each with its inverse.

Where a change only moves rows it is as well one of rows in blocks (`moves_rows`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ...core.errors import CorruptFile

Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Heads:
    """Sizes of attention: heads of queries, and heads of keys and values."""

    queries: int
    keys: int

    @classmethod
    def of(cls, architecture: str, metadata: Mapping[str, Any]) -> "Heads":
        """As a file's metadata says; 1 where it says nothing."""
        queries = metadata.get(f"{architecture}.attention.head_count", 1)
        keys = metadata.get(f"{architecture}.attention.head_count_kv", queries)
        first = [max(each) if isinstance(each, list) and each else each for each in (queries, keys)]
        return cls(*(each if isinstance(each, int) and each > 0 else 1 for each in first))


def changes(name: str, heads: Heads) -> tuple[Change, Change]:
    """The change of this name on reading a file, and its inverse on writing one."""
    if name in _OF_HEADS:
        return _OF_HEADS[name](heads)
    return _FIXED[name]


def moves_rows(name: str) -> bool:
    """Whether the change of this name keeps each row as it is."""
    return name in _OF_HEADS


def _rows(tensor: torch.Tensor, *sizes: int) -> torch.Tensor:
    """The first dimension cut into parts; -1 stands for what remains."""
    known = -1
    for size in sizes:
        known = known * size if size > 0 else known
    if tensor.shape[0] % abs(known):
        raise CorruptFile(
            f"a tensor of {tensor.shape[0]} rows has no {abs(known)} equal parts, as the heads of the file ask for"
        )
    return tensor.reshape(*sizes, *tensor.shape[1:])


def _pairs(heads: int) -> tuple[Change, Change]:
    """Of each head the published first half and second half lie in pairs, one number of each: what turns together."""

    def load(tensor: torch.Tensor) -> torch.Tensor:
        return _rows(tensor, heads, -1, 2).transpose(1, 2).reshape(tensor.shape)

    def save(tensor: torch.Tensor) -> torch.Tensor:
        return _rows(tensor, heads, 2, -1).transpose(1, 2).reshape(tensor.shape)

    return load, save


def _interleaved(heads: Heads) -> tuple[Change, Change]:
    """Queries, keys and values one after another; published, those of one head lie together."""

    def load(tensor: torch.Tensor) -> torch.Tensor:
        return _rows(tensor, 3, heads.queries, -1).transpose(0, 1).reshape(tensor.shape)

    def save(tensor: torch.Tensor) -> torch.Tensor:
        return _rows(tensor, heads.queries, 3, -1).transpose(0, 1).reshape(tensor.shape)

    return load, save


def _grouped(heads: Heads) -> tuple[Change, Change]:
    """All queries, all keys, all values; published, the queries of a group of heads stand before their key and value."""
    queries = heads.queries // heads.keys

    def load(tensor: torch.Tensor) -> torch.Tensor:
        size = tensor.shape[0] // (heads.queries + 2 * heads.keys)
        sizes = [heads.queries * size, heads.keys * size, heads.keys * size]
        parts = [_rows(part, heads.keys, -1) for part in tensor.split(sizes)]
        return torch.cat(parts, dim=1).reshape(tensor.shape)

    def save(tensor: torch.Tensor) -> torch.Tensor:
        grouped = _rows(tensor, heads.keys, queries + 2, -1)
        parts = grouped.split([queries, 1, 1], dim=1)
        return torch.cat([part.reshape(-1, *tensor.shape[1:]) for part in parts])

    return load, save


_OF_HEADS: dict[str, Callable[[Heads], tuple[Change, Change]]] = {
    "query-pairs": lambda heads: _pairs(heads.queries),
    "key-pairs": lambda heads: _pairs(heads.keys),
    "interleaved-heads": _interleaved,
    "grouped-heads": _grouped,
}


def _of_numbers(change: Change) -> Change:
    """A change of float32 numbers. Where only the shape is asked for nothing is computed: torch would import much for that."""
    return lambda tensor: torch.empty(tensor.shape, device="meta") if tensor.is_meta else change(tensor.float())


_FIXED: dict[str, tuple[Change, Change]] = {
    "plus-one": (_of_numbers(lambda numbers: numbers - 1), _of_numbers(lambda numbers: numbers + 1)),
    "minus-exponential": (_of_numbers(lambda numbers: (-numbers).log()), _of_numbers(lambda numbers: -numbers.exp())),
    "transposed": (lambda tensor: tensor.mT if tensor.dim() == 2 else tensor,) * 2,
    "row": (lambda tensor: tensor.reshape(1, -1), lambda tensor: tensor.reshape(-1)),
    # Of a convolution over each channel by itself, (C, K) without the dimension of one channel.
    "channel": (
        lambda tensor: tensor.unsqueeze(1) if tensor.dim() == 2 else tensor,
        lambda tensor: tensor.squeeze(1) if tensor.dim() == 3 else tensor,
    ),
}
