"""Attention over a pool of blocks, for the tokens of many sequences in one row (1, T).

First come the sequences that go on by one token each. Their queries visit the blocks: each block is one small matrix product
where it lies, nothing is copied, and the parts of a sequence are put together by their largest score and their sum (the
split softmax of Dao et al. 2023, Flash-Decoding). Behind them come pieces of prompts, each computed by itself.

Letters: R sequences, N blocks, P tokens of a block, h = H/G query heads of a group.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..kernels.paged import attended_in_pages
from . import kernels
from .alibi import with_alibi
from .indexing import Index, with_index
from .kernels import Scoring, capped
from .masks import Mask


class Visits(NamedTuple):
    """Which sequences look at which blocks: C sequences at each of M blocks.

    blocks (M,): None for the first M of the pool. owners (M, C): the sequence, R for nobody. places (M,): how many blocks of
    the sequence come before; shared blocks have the same place in all.
    """

    blocks: Tensor | None
    owners: Tensor
    places: Tensor


def visits_of(sequences: list[list[int]], is_shared: Callable[[int], bool], device: torch.device) -> list[Visits]:
    """Which of `sequences`, lists of the blocks that hold them, look at which blocks; those that are shared apart."""
    rows = len(sequences)
    owned: dict[int, tuple[int, int]] = {}
    shared: dict[int, tuple[list[int], int]] = {}
    for row, blocks in enumerate(sequences):
        for place, block in enumerate(blocks):
            if is_shared(block):
                shared.setdefault(block, ([], place))[0].append(row)
            else:
                owned[block] = row, place
    both = []
    if owned:
        end = max(owned) + 1
        at_the_beginning = 2 * len(owned) > end  # most of the pool's beginning: read where it lies
        listed = [owned.get(block, (rows, 0)) for block in range(end)] if at_the_beginning else list(owned.values())
        owners, places = torch.tensor(listed, device=device).unbind(1)
        both.append(Visits(None if at_the_beginning else torch.tensor(list(owned), device=device), owners.unsqueeze(1), places))
    if shared:
        most = max(len(owners) for owners, _ in shared.values())
        padded = [owners + [rows] * (most - len(owners)) for owners, _ in shared.values()]
        places = torch.tensor([place for _, place in shared.values()], device=device)
        both.append(Visits(torch.tensor(list(shared), device=device), torch.tensor(padded, device=device), places))
    return both


def tables_of(sequences: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """`Layout.tables` of sequences that are each a list of blocks."""
    begins = list(accumulate(map(len, sequences), initial=0))
    return torch.tensor([*chain.from_iterable(sequences)], device=device), torch.tensor(begins, device=device)


class PromptPiece(NamedTuple):
    """Tokens `start` to `end` of the pass are new tokens of one prompt; `blocks` hold it from its beginning."""

    start: int
    end: int
    blocks: Tensor
    mask: Mask


@dataclass
class Layout:
    """Where the sequences of one pass lie.

    newest (R + 1,): the slot of each newest token; -1 for nobody, who comes last. tables: the blocks of all sequences, one
    after the other, and where those of each begin, (R + 1,); None where each block is to be read once for all who share it.
    """

    page_size: int
    newest: Tensor
    visits: list[Visits]
    pieces: list[PromptPiece]
    tables: tuple[Tensor, Tensor] | None = None
    _hidden: dict[tuple[int, int | None, int | None], Tensor] = field(default_factory=dict)
    _seen: dict[tuple[int | None, int | None], tuple[Tensor, Tensor]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many sequences go on by one token (R)."""
        return len(self.newest) - 1

    def slots(self, index: int) -> Tensor:
        """(M, 1, P): of the slots in the blocks of `visits[index]` the numbers in the sequences."""
        offsets = torch.arange(self.page_size, device=self.newest.device)
        return (self.visits[index].places.unsqueeze(1) * self.page_size + offsets).unsqueeze(1)

    def seen(self, window: int | None, chunk: int | None) -> tuple[Tensor, Tensor]:
        """The first slot that each newest token looks at, and the one behind the last: (R,) each. The same for all layers."""
        seen = self._seen.get((window, chunk))
        if seen is None:
            newest = self.newest[:-1]
            first = torch.zeros_like(newest) if chunk is None else newest // chunk * chunk
            first = first if window is None else torch.maximum(first, newest + 1 - window)
            seen = self._seen[window, chunk] = first.clamp_(min=0), newest + 1
        return seen

    def hidden(self, index: int, window: int | None, chunk: int | None) -> Tensor:
        """(M, 1, C, 1, P): True for the slots that no query of `visits[index]` may look at. The same for all layers."""
        hidden = self._hidden.get((index, window, chunk))
        if hidden is None:
            slots, newest = self.slots(index), self.newest[self.visits[index].owners].unsqueeze(2)
            hidden = slots > newest
            if window is not None:
                hidden = hidden | (slots <= newest - window)
            if chunk is not None:
                hidden = hidden | (slots // chunk != newest // chunk)
            hidden = self._hidden[index, window, chunk] = hidden[:, None, :, None]
        return hidden


@dataclass
class PagedMask(Mask):
    """The mask of a pass over a pool of blocks.

    `best` (R + 1, slots): of the slots of each sequence that goes on by one token, those that it sees; None for all.
    """

    layout: Any = None
    chunk: int | None = None
    best: Tensor | None = None

    def chunked(self, size: int) -> Self:
        return replace(self, chunk=size)


def paged(query: Tensor, key: Tensor, value: Tensor, mask: PagedMask, bias: Tensor | None, scoring: Scoring) -> Tensor:
    """Queries (1, H, T, K) on a layer's blocks, keys (N, G, K, P) and values (N, G, P, K) -> (1, H, T, K).

    Raises:
        ArgumentError: the model adds a bias to its scores.
    """
    if bias is not None:
        raise ArgumentError("this model adds a position bias to its scores, which many requests in one row cannot have")
    layout, index, index_key = mask.layout, mask.index, key[:, -1]
    if index is not None:  # its keys are those of the last head
        key, value, index_key = key[:, :-1, : query.shape[3]], value[:, :-1], index_key[:, : index.query.shape[3]]
    mixed = query.new_empty(query.shape[2], query.shape[1], value.shape[3])
    if layout.rows:
        queries = query[0, :, : layout.rows].transpose(0, 1)
        mask = mask if index is None else replace(mask, best=_best(index, index_key, layout))
        mixed[: layout.rows] = decode(queries, key, value, layout, mask, scoring)
    kernel = kernels.sdpa if scoring.softcap is None else kernels.eager
    for piece in layout.pieces:
        end = piece.mask.keys
        keys = key[piece.blocks].permute(1, 0, 3, 2).flatten(1, 2)[None, :, :end]
        values = value[piece.blocks].transpose(0, 1).flatten(1, 2)[None, :, :end]
        seen = piece.mask if mask.window is None else piece.mask.windowed(mask.window)
        seen = seen if mask.chunk is None else seen.chunked(mask.chunk)
        seen = seen if mask.alibi is None else with_alibi(seen, mask.alibi, query.dtype)
        if index is not None:
            of_piece = index._replace(
                query=index.query[:, piece.start : piece.end], weights=index.weights[:, piece.start : piece.end]
            )
            seen = with_index(seen, of_piece, index_key[piece.blocks].transpose(1, 2).flatten(0, 1)[None, :end])
        queries = query[:, :, piece.start : piece.end]
        part = kernel(queries, keys, values, seen, None, scoring)
        mixed[piece.start : piece.end] = part[0].transpose(0, 1)
    return mixed.transpose(0, 1).unsqueeze(0)


def _best(index: Index, key: Tensor, layout: Layout) -> Tensor | None:
    """For the newest token of each sequence, which slots it sees, (R + 1, slots), by keys (N, I, P); None where it sees all."""
    length = int(layout.newest.max()) + 1
    if length <= index.top_k:
        return None
    overall = key.new_full(
        (layout.rows + 1, -(-length // layout.page_size) * layout.page_size), -torch.inf, dtype=torch.float32
    )
    for number, (blocks, owners, _) in enumerate(layout.visits):
        keys = key[: len(owners)] if blocks is None else key.index_select(0, blocks)
        rows = owners.clamp(max=layout.rows - 1)
        scores = index._replace(query=index.query[0, rows], weights=index.weights[0, rows]).scores(keys.transpose(1, 2))
        hidden = layout.hidden(number, None, None)[:, 0, :, 0]
        overall[owners.unsqueeze(2), layout.slots(number)] = scores.masked_fill(hidden, -torch.inf)
    return index.best(overall)


def decode(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: Layout,
    mask: PagedMask,
    scoring: Scoring,
) -> Tensor:
    """One query (R, H, K) of each sequence on the blocks that hold it -> (R, H, K)."""
    if layout.tables is not None and scoring.sinks is None and mask.alibi is None and mask.best is None:
        seen = layout.seen(mask.window, mask.chunk)
        fast = attended_in_pages(query, key, value, layout.tables, seen, scoring.scaling, scoring.softcap)
        if fast is not None:
            return fast
    rows, groups = layout.rows, key.shape[1]
    query = query.reshape(rows, groups, -1, query.shape[2])
    parts = list(_parts(query, key, value, layout, mask, scoring))
    owners = torch.cat([visits.owners.flatten() for visits in layout.visits])
    greatest, total, mixed = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    overall = greatest.new_full((rows + 1, *greatest.shape[1:]), torch.finfo(greatest.dtype).min)
    overall.scatter_reduce_(0, owners[:, None, None, None].expand_as(greatest), greatest, "amax")
    sinks = None if scoring.sinks is None else scoring.sinks.float().view(1, groups, -1, 1)
    if sinks is not None:
        overall = torch.maximum(overall, sinks)
    share = (greatest - overall[owners]).exp_()
    at_first = torch.zeros_like(overall) if sinks is None else (sinks - overall).exp()
    total = at_first.index_add_(0, owners, total * share)
    mixed = mixed.new_zeros(rows + 1, *mixed.shape[1:]).index_add_(0, owners, mixed * share)
    return (mixed[:rows] / total[:rows]).flatten(1, 2).to(value.dtype)


def _parts(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: Layout,
    mask: PagedMask,
    scoring: Scoring,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """For each of `visits`: the greatest score (M*C, G, h, 1), the sum of exponentials, and the values they weigh (..., K)."""
    for index, (blocks, owners, _) in enumerate(layout.visits):
        count, sharing = owners.shape
        keys, values = (x[:count] if blocks is None else x.index_select(0, blocks) for x in (key, value))
        queries = query[owners.clamp(max=layout.rows - 1).flatten()].unflatten(0, (count, sharing)).transpose(1, 2)
        scores = torch.bmm(queries.flatten(2, 3).flatten(0, 1), keys.flatten(0, 1)).float().mul_(scoring.scaling)
        if scoring.softcap is not None:
            scores = capped(scores, scoring.softcap)
        scores = scores.view(*queries.shape[:-1], -1)
        if mask.alibi is not None:
            scores += (
                mask.alibi.bias(layout.slots(index).squeeze(1), scores.dtype).squeeze(2).unflatten(1, (queries.shape[1], 1, -1))
            )
        hidden = layout.hidden(index, mask.window, mask.chunk)
        if mask.best is not None:
            hidden = hidden | ~mask.best[owners.unsqueeze(2), layout.slots(index)][:, None, :, None]
        scores = scores.masked_fill_(hidden, -torch.inf)
        # Not below the least number: a block of which all is hidden has weight 0, and not none.
        greatest = scores.amax(-1, keepdim=True).clamp_(min=torch.finfo(scores.dtype).min)
        weights = scores.sub_(greatest).exp_()
        total = weights.sum(-1, keepdim=True)
        mixed = torch.bmm(weights.flatten(2, 3).flatten(0, 1).to(values.dtype), values.flatten(0, 1)).float()
        mixed = mixed.view(*weights.shape[:-1], -1)
        yield tuple(x.transpose(1, 2).flatten(0, 1) for x in (greatest, total, mixed))  # type: ignore[misc]
