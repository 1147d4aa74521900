"""Reformer's two kinds of attention: of chunks of a text to their neighbours, and of chunks of tokens that were hashed alike.

A layer that goes on from a cache computes its keys and values again from the states that it keeps, as published.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError, ConfigError, InputError
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.hashing import hashed, rotations
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from . import ReformerConfig
from .cache import BucketLayer, bucket_layer


@dataclass
class ChunkMask(Mask):
    """The mask of a text of `length` tokens, filled up to whole chunks."""

    length: int = 0


class Chunks(NamedTuple):
    """How a text is cut: `length` tokens in a chunk, which sees so many chunks `before` and `after` it, in a circle."""

    length: int
    before: int
    after: int

    def cut(self, x: Tensor) -> Tensor:
        """(B, H, S, ...) -> (B, H, N, C, ...).

        Raises:
            InputError: S is no multiple of the chunk's length.
        """
        if x.shape[2] % self.length:
            raise InputError(f"{x.shape[2]} tokens do not divide into chunks of {self.length}; pad them")
        chunks: Tensor = x.unflatten(2, (-1, self.length))
        return chunks

    def seen(self, x: Tensor) -> Tensor:
        """(B, H, N, C, ...) -> (B, H, N, M, ...): what each chunk sees."""
        return torch.cat([x.roll(-step, 2) for step in range(-self.before, self.after + 1)], dim=3)


class Recorded(Attend):
    """Gives what was mixed, and the weights it was mixed with where they are recorded."""

    def forward(self, mixed: Tensor, weights: list[Tensor], need_weights: bool = False) -> Any:  # type: ignore[override]
        """mixed (B, T, H*K), weights of all tokens, or of several that went one after the other."""
        if need_weights and len(weights) > 1:
            raise ArgumentError("weights of several tokens behind a cache have no common shape; pass the tokens one at a time")
        return (mixed, weights[0]) if need_weights else mixed


Whole = tuple[Tensor, Tensor, Tensor | None]


class Looking(NamedTuple):
    """Queries, keys and values (B, H, ..., K), with the places of the first two in the text (B or 1, H or 1, ...)."""

    query: Tensor
    key: Tensor
    value: Tensor
    asking: Tensor
    seen: Tensor


class ReformerSelfAttention(HasHeads):
    """What both kinds share.

    Class attributes:
        prefix: of the fields of the config that speak of this kind.
    """

    order = "hidden_states attention_mask num_hashes buckets past_buckets_states"
    names = {"cache": "past_buckets_states", "again": "buckets"}
    prefix: ClassVar[str]

    def __init__(self, config: ReformerConfig, layer_idx: int = 0) -> None:
        super().__init__()
        self.layer_idx, self.head_dim, self.is_decoder = layer_idx, config.attention_head_size, config.is_decoder
        self.is_causal = config.is_decoder
        sizes = ("attn_chunk_length", "num_chunks_before", "num_chunks_after")
        self.chunks = Chunks(*(int(config.get(f"{self.prefix}_{size}") or 0) for size in sizes))
        if self.chunks.length < 1:
            raise ConfigError(f"ReformerConfig: {self.prefix}_attn_chunk_length is not set; expected tokens in a chunk")
        dropout = config.get(f"{self.prefix}_attention_probs_dropout_prob") or 0.0
        self.attend = Recorded(default_scaling(self.head_dim), dropout)

    def forward(
        self, x: Tensor, mask: Mask, cache: Any = None, *, num_hashes: int | None = None, again: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """States (B, T, D) -> (B, T, H*K), and the buckets (B, H, R, T) that they fell into; `again` into these."""
        memory = None if cache is None else bucket_layer(cache, self.layer_idx, x.device)
        if memory is not None and memory.states is not None:
            steps = [self.step(x[:, at : at + 1], mask, memory, num_hashes) for at in range(x.shape[1])]
            mixed = torch.cat([merge_heads(step) for step, _ in steps], dim=1)
            return self.attend(mixed, [weights for _, weights in steps]), None
        length = mask.length if isinstance(mask, ChunkMask) else x.shape[1]
        mixed, weights, buckets = self.whole(x, mask, num_hashes, again)
        if memory is not None:
            memory.add(x[:, :length], None if buckets is None else buckets[..., :length])
        return self.attend(merge_heads(mixed), [weights]), buckets

    if TYPE_CHECKING:

        def whole(self, x: Tensor, mask: Mask, num_hashes: int | None, buckets: Tensor | None) -> Whole:
            """Of a text from its beginning (B, T, D): mixed (B, H, T, K), weights, and the buckets of its tokens."""

        def step(self, x: Tensor, mask: Mask, memory: BucketLayer, num_hashes: int | None) -> tuple[Tensor, Tensor]:
            """Of one more token (B, 1, D), which `memory` then has too: mixed (B, H, 1, K), and weights."""

    def mix(self, look: Looking, mask: Mask, causal: bool) -> tuple[Tensor, Tensor, Tensor]:
        """What is mixed (B, H, ..., K), the logarithms of the sums of weights (B, H, ...), and the weights, 1 in sum."""
        scores, low = look.query @ look.key.mT, -1e4 if look.query.dtype == torch.float16 else -1e9
        if mask.padding is not None:
            scores = scores.masked_fill(~real_at(mask.padding, look.seen).unsqueeze(-2), low)
        asking, seen = look.asking.unsqueeze(-1), look.seen.unsqueeze(-2)
        if causal:
            scores = scores.masked_fill(asking < seen, low)
        scores = self.without_itself(scores, asking == seen)
        sums = scores.logsumexp(dim=-1, keepdim=True)
        weights = nn.functional.dropout((scores - sums).exp(), self.attend.scoring.dropout, self.training)
        return weights @ look.value, sums.squeeze(-1), weights

    def without_itself(self, scores: Tensor, itself: Tensor) -> Tensor:
        """The scores of a token and `itself`, where it is not to be seen unless there is nothing else."""
        return scores


def real_at(padding: Tensor, places: Tensor) -> Tensor:
    """`padding` (B, S), True where tokens are real, at places (B or 1, H or 1, ...) of these."""
    rows = torch.arange(len(padding), device=padding.device).view(-1, *[1] * (places.dim() - 1))
    return padding[rows, places]


class LocalSelfAttention(ReformerSelfAttention):
    """Attention of each chunk of a text to itself and its neighbours."""

    query_name, prefix = "query", "local"

    def __init__(self, config: ReformerConfig, layer_idx: int = 0) -> None:
        super().__init__(config, layer_idx)
        width = config.num_attention_heads * self.head_dim
        self.query, self.key, self.value = (nn.Linear(config.hidden_size, width, bias=False) for _ in range(3))

    def whole(self, x: Tensor, mask: Mask, num_hashes: int | None, buckets: Tensor | None) -> Whole:
        places = torch.arange(x.shape[1], device=x.device)[None, None]
        look = self.look(x, x, places, places)
        if x.shape[1] > self.chunks.length:
            query, key, value, asking, seen = (self.chunks.cut(part) for part in look)
            key, value, seen = (self.chunks.seen(part) for part in (key, value, seen))
            look = Looking(query, key, value, asking, seen)
        mixed, _, weights = self.mix(look, mask, self.is_decoder)
        return mixed if mixed.dim() == 4 else mixed.flatten(2, 3), weights, None

    def step(self, x: Tensor, mask: Mask, memory: BucketLayer, num_hashes: int | None) -> tuple[Tensor, Tensor]:
        states = memory.add(x)
        first = max((states.shape[1] - 1) // self.chunks.length - self.chunks.before, 0) * self.chunks.length
        places = torch.arange(first, states.shape[1], device=x.device)[None, None]
        mixed, _, weights = self.mix(self.look(x, states[:, first:], places[..., -1:], places), mask, causal=False)
        return mixed, weights

    def look(self, x: Tensor, states: Tensor, asking: Tensor, seen: Tensor) -> Looking:
        """Queries of `x` (B, T, D), keys and values of `states` (B, S, D)."""
        query, key, value = self.query(x), self.key(states), self.value(states)
        key = key * self.attend.scoring.scaling
        query, key, value = (split_heads(part, self.head_dim) for part in (query, key, value))
        return Looking(query, key, value, asking, seen)


class LSHSelfAttention(ReformerSelfAttention):
    """Attention of tokens to those that fell into the same bucket, or near to it, when hashed (Kitaev et al. 2020, section 2).

    Queries and keys are the same vectors, keys of length 1. Tokens are sorted by buckets, and cut into chunks in that order.
    """

    query_name, prefix = "query_key", "lsh"

    def __init__(self, config: ReformerConfig, layer_idx: int = 0) -> None:
        super().__init__(config, layer_idx)
        width = config.num_attention_heads * self.head_dim
        self.config = config
        self.query_key, self.value = (nn.Linear(config.hidden_size, width, bias=False) for _ in range(2))

    def whole(self, x: Tensor, mask: Mask, num_hashes: int | None, buckets: Tensor | None) -> Whole:
        (query, value), length = self.heads(x), x.shape[1]
        if length <= self.chunks.length:
            places = torch.arange(length, device=x.device)[None, None]
            mixed, _, weights = self.mix(Looking(query, self.as_keys(query), value, places, places), mask, self.is_decoder)
            return mixed, weights, None
        drawn = self.buckets_of(query, mask.padding, num_hashes)  # drawn also where known, so that what follows is the same
        buckets = drawn if buckets is None else buckets
        order = buckets.flatten(2).argsort(dim=-1, stable=True)
        places = order % length
        rows = places.unsqueeze(-1).expand(-1, -1, -1, self.head_dim)
        query, value, places = (self.chunks.cut(part) for part in (query.gather(2, rows), value.gather(2, rows), places))
        key, value, seen = (self.chunks.seen(part) for part in (self.as_keys(query), value, places))
        mixed, sums, weights = self.mix(Looking(query, key, value, places, seen), mask, self.is_decoder)
        back = order.argsort(dim=-1)
        mixed = mixed.flatten(2, 3).gather(2, back.unsqueeze(-1).expand_as(rows))
        sums = sums.flatten(2, 3).gather(2, back)
        mixed, sums = (part.unflatten(2, (-1, length)) for part in (mixed, sums))
        return of_rounds(mixed, sums), weights, buckets

    def step(self, x: Tensor, mask: Mask, memory: BucketLayer, num_hashes: int | None) -> tuple[Tensor, Tensor]:
        states = memory.after(x)
        length = states.shape[1]
        if memory.buckets is None:
            query, value = self.heads(states)
            places = torch.arange(length, device=x.device)[None, None]
            look = Looking(query[:, :, -1:], self.as_keys(query), value, places[..., -1:], places)
            mixed, _, weights = self.mix(look, mask, causal=False)
            real = None if mask.padding is None else mask.padding[:, :length]
            memory.add(x, self.buckets_of(query, real, num_hashes) if length >= self.chunks.length else None)
            return mixed, weights
        query = split_heads(self.query_key(x), self.head_dim)
        bucket = self.bucket_behind(query, memory.buckets, num_hashes)
        places = self.near(torch.cat([memory.buckets, bucket], dim=-1))
        memory.add(x, bucket)
        rows = torch.arange(len(x), device=x.device)[:, None, None, None]
        key, value = (self.of_each_head(part(states[rows, places])) for part in (self.query_key, self.value))
        last = torch.full((1, 1, 1, 1), length - 1, device=x.device)
        look = Looking(query.unsqueeze(2), self.as_keys(key), value, last, places)
        mixed, sums, weights = self.mix(look, mask, causal=False)
        return of_rounds(mixed, sums), weights

    def near(self, buckets: Tensor) -> Tensor:
        """The places (B, H, R, M) of tokens that the last of S, in buckets (B, H, R, S), sees."""
        (length, before, after), count = self.chunks, buckets.shape[-1]
        order = buckets.argsort(dim=-1, stable=True)
        spot = order.argsort(dim=-1)[..., -1:]
        around = torch.arange(length * (before + 1 + after), device=buckets.device)
        return order.gather(-1, ((spot // length - before) * length + around) % count)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries, which are the keys too, and values (B, H, T, K)."""
        return split_heads(self.query_key(x), self.head_dim), split_heads(self.value(x), self.head_dim)

    def of_each_head(self, x: Tensor) -> Tensor:
        """States (B, H, R, M, H*K) of tokens that each head chose -> what that head makes of them, (B, H, R, M, K)."""
        chosen: Tensor = x.unflatten(-1, (-1, self.head_dim)).diagonal(dim1=1, dim2=4).movedim(-1, 1)
        return chosen

    def as_keys(self, x: Tensor) -> Tensor:
        """Vectors (..., K) as keys, all of one length."""
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-6) * self.attend.scoring.scaling

    def without_itself(self, scores: Tensor, itself: Tensor) -> Tensor:
        return scores.masked_fill(itself, -1e3 if scores.dtype == torch.float16 else -1e5)

    def buckets_of(self, query: Tensor, real: Tensor | None, num_hashes: int | None, widened: Tensor | bool = False) -> Tensor:
        """The buckets (B, H, R, T) of vectors (B, H, T, K); those of each round have numbers of their own.

        real: (B, T), False for padding, all of which is in one bucket more. widened: whether there is one more anyway.
        """
        counts = bucket_counts(self.config, query.shape[2])
        rounds, total = self.config.num_hashes if num_hashes is None else num_hashes, math.prod(counts)
        shape = (query.shape[1], self.head_dim, rounds, sum(counts) // 2)
        buckets = hashed(query.detach(), rotations(shape, query, self.config.hash_seed), counts)
        if real is not None:
            buckets, widened = buckets.masked_fill(~real[:, None, None, :], total), ~real.all()
        return buckets + torch.arange(rounds, device=query.device)[:, None] * (total + widened)

    def bucket_behind(self, query: Tensor, buckets: Tensor, num_hashes: int | None) -> Tensor:
        """The bucket (B, H, R, 1) of a token (B, H, 1, K) behind others, whose are `buckets` (B, H, R, S)."""
        rounds = buckets.shape[2]
        if num_hashes not in (None, rounds):
            raise ArgumentError(f"num_hashes is {num_hashes}, and the cache was made with {rounds}; pass that, or nothing")
        last = rounds * math.prod(bucket_counts(self.config, buckets.shape[3])) - 1
        return self.buckets_of(query, None, rounds, buckets.max() > last)


def of_rounds(mixed: Tensor, sums: Tensor) -> Tensor:
    """What was mixed in R rounds (B, H, R, T, K), by the logarithms of their sums of weights (B, H, R, T) -> (B, H, T, K)."""
    shares = (
        sums - sums.logsumexp(dim=2, keepdim=True)
    ).exp()  # of sums near -1e5 the softmax would be more exact than published
    return (mixed * shares.unsqueeze(-1)).sum(dim=2)


def bucket_counts(config: ReformerConfig, length: int) -> list[int]:
    """How many buckets there are, in factors. Where the config does not say it, it does from now on, by a text of this length.

    Raises:
        ConfigError: there is an odd factor, or none.
    """
    if config.num_buckets is None:
        chunk = config.lsh_attn_chunk_length or 1
        power = max((2 * (length // chunk)).bit_length() - 1, 1)
        limit = 2 * max(int((config.max_position_embeddings // chunk) ** 0.5), chunk)
        factors = [2 ** (power // 2), 2 ** (power - power // 2)]
        config.num_buckets = factors if 2**power > limit else 2**power
    counts = [config.num_buckets] if isinstance(config.num_buckets, int) else list(config.num_buckets)
    if not counts or any(count < 2 or count % 2 for count in counts):
        raise ConfigError(f"num_buckets is {config.num_buckets}; expected an even number of buckets, or even factors of it")
    return counts
