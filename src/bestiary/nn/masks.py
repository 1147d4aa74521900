"""Which key slots a query may look at: a description that each attention kernel turns into the form it needs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.logging import warn_once
from .attention_keywords import tell_positions
from .packed import PackedTexts, lengths_of, packed_texts
from .values import extremes, is_true, may_look


class CacheGeometry(Protocol):
    """What masks and positions ask of a cache: where the queries of this call stand among the slots attention will see."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens seen so far."""
        ...

    def geometry(self, queries: int, layer_idx: int = 0) -> tuple[int, int | Tensor]:
        """Number of key slots after this call's update, and the slot of its first query."""
        ...

    def position(self, layer_idx: int = 0) -> int | Tensor:
        """The position of the first query."""
        ...

    def shown(self, mask: Tensor, queries: int, layer_idx: int = 0) -> Tensor:
        """Of a mask (..., seen + queries) the columns of the slots attention will see, where these are not the newest."""
        ...


@dataclass
class Mask:
    """The slots a query may look at. All conditions hold together.

    Attributes:
        queries: T; keys: S.
        causal: a query at slot t sees slots up to t; `first_query` is the slot of query 0.
        window: only slots less than `window` away from t.
        padding: (B, S), True where the key is real; None when all are.
        texts: (B or 1, T) where S is T: numbers, rising, of the packed texts that the tokens belong to; a query sees its own
            text only. None when a row is one text.
        packed: the texts that the call itself told of (`nn/packed.py`), with which memories end too.
        dense: (B, 1 or H, T, S), True where allowed; an arbitrary further restriction.
        additive: (B or 1, 1 or H, 1 or T, S), numbers to be added to the scores.
        alibi: what grows with the places of keys (`nn/alibi.py`), for such a `kernel`; else it is in `additive`.
        index: what chooses the keys of each query (`nn/indexing.py`), for such a `kernel`; else these are in `dense`.
        kernel: computes attention in place of the model's own kernel, where keys lie in an order that only it can read.
    """

    queries: int
    keys: int
    device: torch.device
    causal: bool = False
    first_query: int | Tensor = 0
    window: int | None = None
    padding: Tensor | None = None
    texts: Tensor | None = None
    packed: PackedTexts | None = None
    dense: Tensor | None = None
    additive: Tensor | None = None
    alibi: Any = None
    index: Any = None
    kernel: Any = None
    _cached: Any = field(default=None, repr=False, compare=False)
    _lengths: tuple[int, ...] | None = field(default=None, repr=False, compare=False)

    @property
    def hides_nothing(self) -> bool:
        """Whether every query sees every key, so that no kernel needs a mask. Never looks at tensor values."""
        if not self._same_for_all:
            return False
        if not self.causal:
            return self.window is None or self.keys <= self.window
        last_only = self.queries == 1 and isinstance(self.first_query, int) and self.first_query == self.keys - 1
        return last_only and (self.window is None or self.keys <= self.window)

    @property
    def plainly_causal(self) -> bool:
        """Whether the mask is the lower triangle of a square and nothing else."""
        square = self.queries == self.keys and isinstance(self.first_query, int) and self.first_query == 0
        return self.causal and square and self._same_for_all and (self.window is None or self.keys <= self.window)

    @property
    def is_told_by_places(self) -> bool:
        """Whether slots of queries and keys, and padding, say all."""
        return self.texts is None and self.dense is None and self.additive is None

    @property
    def _same_for_all(self) -> bool:
        """Whether only the slots of queries and keys matter."""
        return self.padding is None and self.is_told_by_places

    @property
    def real_queries(self) -> Tensor | None:
        """(B, T, 1), True where the new token is real; None when all are."""
        if self.padding is None:
            return None
        if isinstance(self.first_query, int):
            return self.padding.narrow(1, self.first_query, self.queries).unsqueeze(-1)
        return self.padding.index_select(1, torch.arange(self.queries, device=self.device) + self.first_query).unsqueeze(-1)

    def lengths_of_texts(self) -> tuple[int, ...] | None:
        """The lengths of packed texts, of all rows in turn; None where there are none, or no numbers are at hand."""
        if self.texts is not None and self._lengths is None:
            self._lengths = lengths_of(self.texts)
        return self._lengths

    def of_rows(self, real: Tensor) -> "Mask":
        """The mask of packed texts as rows of their own, (B, T) True where a token is none of the padding behind them."""
        return Mask(real.shape[1], real.shape[1], self.device, causal=self.causal, window=self.window, padding=real)

    def of_text(self, text: slice) -> "Mask":
        """The mask of one packed text of a single row, of the tokens `text`."""
        padding = None if self.padding is None else self.padding[:, text]
        dense, additive = (
            None if each is None else each[..., text if each.shape[-2] > 1 else slice(None), text]
            for each in (self.dense, self.additive)
        )
        length = text.stop - text.start
        mask = Mask(length, length, self.device, causal=self.causal, window=self.window, padding=padding)
        mask.dense, mask.additive = dense, additive
        return mask

    def windowed(self, window: int | None) -> Self:
        """The same mask with another window (layers with and without a window share the rest)."""
        return replace(self, window=window, _cached=None)

    def chunked(self, size: int) -> Self:
        """The same mask, and queries look no further back than the start of their chunk of `size` tokens.

        Chunks are counted from the first real token of each row. Slots must be tokens in order, none of them dropped. A mask
        that is not causal is a caller's, who said everything.
        """
        if not self.causal or (isinstance(self.first_query, int) and self.keys <= size):
            return self
        slots = torch.arange(self.keys, device=self.device)[None, :]
        if self.padding is not None:
            slots = (slots - (self.padding.cumsum(-1) == 0).sum(-1, keepdim=True)).clamp(min=0)
        chunks = slots // size
        queries = (torch.arange(self.queries, device=self.device) + self.first_query).clamp(max=self.keys - 1)
        same = chunks.index_select(1, queries)[:, None, :, None] == chunks[:, None, None, :]
        return replace(self, dense=same if self.dense is None else self.dense & same, _cached=None)

    def allowed(self) -> Tensor | None:
        """(B or 1, 1 or H, T, S) True where a query may look; None when nothing is hidden. Computed once."""
        if self.hides_nothing:
            return None
        if self._cached is None:
            self._cached = self._allowed()
        result: Tensor = self._cached
        return result

    def _allowed(self) -> Tensor:
        keys = torch.arange(self.keys, device=self.device)
        result = torch.ones((1, 1, 1, self.keys), dtype=torch.bool, device=self.device)
        if self.causal or self.window is not None:
            slots = torch.arange(self.queries, device=self.device).unsqueeze(1) + self.first_query
            result = keys <= slots if self.causal else result[0, 0]
            if self.window is not None:
                result = result & (keys > slots - self.window)
                result = result if self.causal else result & (keys < slots + self.window)
            result = result[None, None]
        if self.padding is not None:
            result = result & self.padding[:, None, None, :]
        if self.texts is not None:
            result = result & (self.texts[:, None, :, None] == self.texts[:, None, None, :])
        if self.dense is not None:
            result = result & self.dense
        return result

    def bias(self, dtype: torch.dtype) -> Tensor | None:
        """The mask as numbers to add to scores: 0 where allowed, the least finite number where not; None when all is."""
        allowed = self.allowed()
        if allowed is None:
            return self.additive
        bias = torch.zeros(allowed.shape, dtype=dtype, device=self.device)
        bias = bias.masked_fill(~allowed, torch.finfo(dtype).min)
        return bias if self.additive is None else torch.clamp(bias + self.additive, min=torch.finfo(dtype).min)


class MaskSource(ABC):
    """A cache that describes by itself what the queries of a pass may look at."""

    @abstractmethod
    def mask(self, queries: int, causal: bool, window: int | None) -> Mask:
        """The mask of a pass of so many tokens."""


def real_tokens(attention_mask: Tensor | None) -> Tensor | None:
    """`attention_mask` (B, S) as booleans, or None when it hides nothing.

    The values are looked at only where they are at hand (`nn/values.py`).
    """
    if attention_mask is None:
        return None
    padding = attention_mask if attention_mask.dtype == torch.bool else attention_mask != 0
    return None if may_look(padding) and is_true(padding.all()) else padding


def text_numbers(position_ids: Tensor, chunk: int | None = None) -> Tensor | None:
    """The numbers (B or 1, T) of packed texts: one begins wherever positions (B or 1, T; or T) do not go on by one.

    None where rows are known to be one text each (`nn/values.py`).

    Args:
        chunk: number chunks of so many tokens instead, into which each text is cut from its position 0.
    """
    position_ids = torch.atleast_2d(position_ids)
    begins = position_ids.diff(dim=-1, prepend=position_ids[:, :1] - 1) != 1
    if is_true(~begins.any()):
        return None
    return (begins if chunk is None else begins | (position_ids % chunk == 0)).cumsum(-1)


def make_mask(
    queries: int,
    device: torch.device,
    attention_mask: Tensor | None = None,
    *,
    cache: CacheGeometry | None = None,
    causal: bool = True,
    window: int | None = None,
    keys: int | None = None,
    layer_idx: int = 0,
    name: str = "attention_mask",
) -> Mask:
    """The mask of one forward pass.

    Args:
        queries: T, the number of new positions.
        attention_mask: (B, seen + T) with 0 for padding; or (B, 1 or H, T, S), boolean or to be added; or None.
        cache: where earlier keys are; None when there are none.
        keys: S when there is no cache and it differs from T (cross-attention). name: what the mask is called, for errors.

    Raises:
        InputError: the mask does not cover the keys.
    """
    if isinstance(cache, MaskSource):
        return cache.mask(queries, causal, window)
    slots, first_query = (keys or queries, 0) if cache is None else cache.geometry(queries, layer_idx)
    mask = Mask(queries, slots, device, causal=causal, first_query=first_query, window=window)
    packed = packed_texts(queries) if cache is None and keys is None else None
    if packed is not None:
        mask.texts, mask.packed, mask._lengths = packed.numbers, packed, packed.lengths
    if attention_mask is None:
        return mask
    if cache is not None:
        attention_mask = cache.shown(attention_mask, queries, layer_idx)
    if attention_mask.dim() == 4:
        return _with_array(mask, attention_mask, name)
    if attention_mask.dim() != 2:
        raise InputError(f"{name} has shape {tuple(attention_mask.shape)}; expected (batch, keys) or 4 dimensions")
    covered: int | None = slots
    if cache is not None:  # while a forward with a static cache is being compiled, nobody knows how much it holds
        covered = cache.get_seq_length(layer_idx) + queries if isinstance(first_query, int) else None
    fitted = _fit(attention_mask, mask, covered, name)
    mask.padding = None if real_tokens(attention_mask) is None else real_tokens(fitted)
    return mask


def _fit(padding: Tensor, mask: Mask, covered: int | None, name: str) -> Tensor:
    """`padding` for exactly the slots attention sees: the newest when a window dropped some, more when slots lie ahead.

    Args:
        covered: how many positions it has to cover, where that is known.
    """
    length = padding.shape[1]
    if length == mask.keys:
        return padding
    if covered is not None and length != covered:
        raise InputError(
            f"{name} covers {length} positions, but attention sees {covered} (the new ones and all that a cache holds);"
            " pass a mask over exactly these"
        )
    if length > mask.keys:
        return padding[:, length - mask.keys :]
    return torch.nn.functional.pad(padding, (0, mask.keys - length), value=False)


def _with_array(mask: Mask, array: Tensor, name: str) -> Mask:
    """A 4-dimensional mask from the caller is used as it is: it already says everything, causality included."""
    if array.shape[-2] not in (1, mask.queries) or array.shape[-1] != mask.keys:
        raise InputError(f"{name} has shape {tuple(array.shape)}; expected (B, 1 or H, {mask.queries}, {mask.keys})")
    if array.dtype == torch.bool:
        return replace(mask, causal=False, window=None, dense=array)
    if not array.is_floating_point():
        raise InputError(
            f"a 4-dimensional {name} of {array.dtype} may mean two things; expected torch.bool (True: look) or"
            " floating-point numbers to add to the scores"
        )
    return replace(mask, causal=False, window=None, additive=array)


def positions(attention_mask: Tensor | None, queries: int, seen: int | Tensor, device: torch.device, first: int = 0) -> Tensor:
    """Position ids (B or 1, T) of the new tokens: real tokens are counted, padding before and between them is not.

    Padding behind the last real token counts on, so that losses that read its states too, as those of question answering do,
    are those of a model that counts slots.

    Args:
        attention_mask: (B, seen + T or more) or None; anything but 2 dimensions carries no padding.
        seen: tokens before the first new one where nothing is padding.
        first: the position of a row's first token; where it is not 0, all padding has the position before it.
    """
    packed = packed_texts(queries)
    if packed is not None:
        return packed.places + first
    new = torch.arange(queries, device=device) + seen
    padding = real_tokens(attention_mask) if attention_mask is not None and attention_mask.dim() == 2 else None
    if padding is None:
        return new.unsqueeze(0) + first
    counted = padding.long().cumsum(-1)
    if not first and queries > 1:  # a single new token is no padding
        counted = (padding | (counted == counted[:, -1:])).long().cumsum(-1)
    counted = (counted - 1).clamp(min=0) + first
    counted = counted.masked_fill(~padding, first - 1) if first else counted
    return counted.index_select(1, new)


def slots_of_text(attention_mask: Tensor | None, queries: int, device: torch.device) -> Tensor:
    """Position ids (B or 1, T) that count slots from the first real token, for models without a cache.

    They differ from `positions` in padding between tokens, where they count on, as models without a cache were published to.
    """
    packed = packed_texts(queries)
    if packed is not None:
        return packed.places
    slots = torch.arange(queries, device=device).unsqueeze(0)
    real = real_tokens(attention_mask) if attention_mask is not None and attention_mask.dim() == 2 else None
    if real is None:
        return slots
    before = (real.cumsum(-1) == 0).sum(-1, keepdim=True)
    return (slots - before).clamp(min=0)


def decoder_frame(
    x: Tensor,
    attention_mask: Tensor | None,
    position_ids: Tensor | None,
    cache: CacheGeometry | None,
    causal: bool = True,
    name: str = "attention_mask",
) -> tuple[Mask, Tensor]:
    """What a decoder needs before its layers run: the causal mask and the position ids (B or 1, T) of `x` (B, T, D).

    Args:
        causal: False for an encoder that may also be a decoder. name: what the mask is called, for errors.
    """
    mask = make_mask(x.shape[1], x.device, attention_mask, cache=cache, causal=causal, name=name)
    return mask, decoder_positions(x, attention_mask, position_ids, cache)


def decoder_positions(
    x: Tensor,
    attention_mask: Tensor | None,
    position_ids: Tensor | None,
    cache: CacheGeometry | None,
    limit: int | None = None,
    padding_apart: bool = False,
) -> Tensor:
    """The position ids (B or 1, T) of `x` (B, T, D): the caller's, else counted on from what the cache holds.

    Args:
        padding_apart: all padding that is counted by the mask has the position -1.
        limit: positions beyond which a model whose positions have no table gets worse; reaching further warns once.
    """
    if position_ids is not None:
        return tell_positions(position_ids)
    queries, past_length = x.shape[1], 0 if cache is None else cache.position()
    first = int(padding_apart)
    position_ids = positions(attention_mask, queries, past_length, x.device, first)
    position_ids = position_ids - first if first else position_ids
    if limit is not None and isinstance(past_length, int) and past_length + queries > limit:
        real = real_tokens(attention_mask) if attention_mask is not None and attention_mask.dim() == 2 else None
        _warn_beyond(limit, past_length + queries, real)
    return tell_positions(position_ids)


def _warn_beyond(limit: int, length: int, real: Tensor | None) -> None:
    """Warn of a text of `length` slots, of which only `real` (B, length or more) are tokens, where some are padding."""
    if real is not None:
        bounds = extremes(real[:, :length].sum(-1))
        length = 0 if bounds is None else int(bounds[1])
    if length > limit:
        warn_beyond(limit, f"the text has {length} tokens")


def warn_beyond(limit: int, what: str) -> None:
    """Warn of a text beyond `limit` tokens, up to which positions are good; `what` says how long it is."""
    warn_once(
        "beyond-positions",
        f"{what}, and this model was made for {limit} (max_position_embeddings); what it says beyond"
        " that gets worse. Cut the text, or stretch positions, where they are rotary, by rope_parameters",
    )
