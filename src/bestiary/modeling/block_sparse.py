"""Attention of blocks of tokens to their neighbours, to the first and last block, and to random blocks (Zaheer et al. 2020, Big
Bird). Memory and time grow with the length of a text, not with its square."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ..core.errors import ConfigError, InputError
from ..nn.attention import Attend
from ..nn.kernels import kernel, weights
from ..nn.masks import Mask
from ..nn.token_blocks import in_blocks, joined
from .base import PreTrainedModel
from .encoder import EncoderSelfAttention

KINDS = ("block_sparse", "original_full")
_LENGTHS_OF_THE_PAPER = (1024, 3072, 4096)  # texts of so many tokens have another plan of random blocks
_REACH_IN_THE_PAPER = 1024  # tokens, among which that plan chooses


@dataclass
class BlockSparseMask(Mask):
    """The mask of a text of `length` tokens in whole blocks; `padding` (B, S) is there also where all tokens are real."""

    length: int = 0


def in_whole_blocks(mask: Mask, batch: int, size: int) -> BlockSparseMask:
    """The mask of a text of T tokens, filled up to S slots, a whole number of blocks.

    Raises:
        InputError: a mask of four dimensions, which says for each pair of tokens what blocks decide here.
    """
    if mask.dense is not None or mask.additive is not None:
        raise InputError(
            "attention_mask has 4 dimensions, and attention_type is 'block_sparse'; pass a mask (batch, tokens), or"
            " set_attention_type('original_full')"
        )
    ones = torch.ones(batch, mask.keys, dtype=torch.bool, device=mask.device)
    real = pad(ones if mask.padding is None else mask.padding.expand(batch, -1), (0, (-mask.keys) % size))
    return BlockSparseMask(real.shape[1], real.shape[1], mask.device, padding=real, length=mask.keys)


def without_filling(x: Tensor, mask: Mask) -> Tensor:
    """Of states (B, S, D) those of the text, (B, T, D)."""
    return x[:, : mask.length] if isinstance(mask, BlockSparseMask) else x


class BlockSparseAttend(Attend):
    """Softmax over what each block looks at, for a `BlockSparseMask`; over all keys for other masks.

    In training random blocks are drawn, the same for the same `seed`; else all of them are the first block, as published. No
    weights are dropped there. Recorded are the weights of all pairs (B, H, S, S): of a block that is looked at more than once,
    those of one time.

    Args:
        size: tokens in a block. random: how many random blocks each looks at. longest: tokens of the longest text.
    """

    def __init__(self, scaling: float, dropout: float, size: int, random: int, seed: int, longest: int) -> None:
        super().__init__(scaling, dropout)
        self.size, self.random, self.seed, self.longest = size, random, seed, longest

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, mask: Mask | None = None, bias: Any = None, need_weights: bool = False
    ) -> Any:
        """(B, H, S, K) three times -> (B, H, S, K), 0 for padding."""
        if not isinstance(mask, BlockSparseMask) or mask.padding is None:
            return super().forward(query, key, value, mask, bias, need_weights)
        size, real, (batch, heads) = self.size, mask.padding, query.shape[:2]
        ends = torch.cat([query[:, :, :size], query[:, :, -size:]], dim=2)
        of_ends, end_weights = self._mix(ends, key, value, replace(mask, queries=2 * size), need_weights)
        table = self.table(mask.keys // size, heads, query.device)
        key, value = (self._looked_at(x, table) for x in (key, value))
        inner = in_blocks(query[:, :, size:-size], size)
        of_inner, inner_weights = self._mix(inner, key, value, self._inner(real, table), need_weights)
        mixed = torch.cat([of_ends[:, :, :size], joined(of_inner, batch), of_ends[:, :, size:]], dim=2)
        mixed = mixed.masked_fill(~real[:, None, :, None], 0.0)
        if end_weights is None or inner_weights is None:
            return mixed
        spread = self._spread(inner_weights.unflatten(0, (batch, -1)), table, mask.keys)
        return mixed, torch.cat([end_weights[:, :, :size], spread, end_weights[:, :, size:]], dim=2)

    def table(self, blocks: int, heads: int, device: torch.device) -> Tensor:
        """The blocks that the inner ones of N blocks look at (1 or H, N - 2, 5 + R): first, last, three near, random ones."""
        near = torch.arange(1, blocks - 1)[:, None] + torch.arange(-1, 2)
        fixed = torch.cat([torch.tensor([[0, blocks - 1]]).expand(blocks - 2, -1), near], dim=1).unsqueeze(0)
        if self.training and self.random:
            drawn = torch.tensor(self.draw(blocks, heads))
        else:
            drawn = torch.zeros(1, blocks - 2, self.random, dtype=torch.long)
        return torch.cat([fixed.expand(len(drawn), -1, -1), drawn], dim=-1).to(device)

    def draw(self, blocks: int, heads: int) -> list[Any]:
        """The random blocks (H, N - 2, R) of a text of N blocks."""
        if blocks * self.size in _LENGTHS_OF_THE_PAPER:
            return _plan_of_the_paper(self.seed, blocks, self.longest // self.size, self.size, self.random, heads)
        return _plan(self.seed, blocks, self.random, heads)

    def _mix(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        scoring = self.scoring._replace(dropout=0.0)
        if self.replacement is not None:
            mixed, observed = self.replacement(query, key, value, mask, None, scoring)
            return mixed, observed if need_weights else None
        if need_weights:
            probabilities = weights(query, key, mask, None, scoring)
            return probabilities @ value, probabilities
        return kernel(self.implementation)(query, key, value, mask, None, scoring), None

    def _looked_at(self, x: Tensor, table: Tensor) -> Tensor:
        """(B, H, S, K) -> (B * (N - 2), H, C * size, K): what each inner block looks at."""
        heads = torch.arange(x.shape[1], device=x.device)[:, None, None]
        blocks: Tensor = x.unflatten(2, (-1, self.size))[:, heads, table].transpose(1, 2).flatten(3, 4).flatten(0, 1)
        return blocks

    def _inner(self, real: Tensor, table: Tensor) -> Mask:
        """What inner blocks may look at, (B * (N - 2), 1 or H, size, C * size): each block once, save for random ones.

        Padding sees what published models let it see, for its weights are recorded.
        """
        blocks, last = real.unflatten(1, (-1, self.size)), table.shape[1] - 1
        slots, rows = torch.arange(table.shape[2], device=real.device), torch.arange(last + 1, device=real.device)[:, None]
        once = ~((rows == 0) & (slots == 0) | (rows == last) & (slots == 1))  # a neighbour there
        free = (slots < 2) | ((rows == 0) | (rows == last)) & (slots < 5)
        asking = blocks[:, None, 1:-1, :, None] | free[:, None, :]
        dense = blocks[:, table].unsqueeze(3) & (asking & once[:, None, :]).unsqueeze(-1)
        dense = dense.transpose(1, 2).flatten(4, 5).flatten(0, 1)
        return Mask(self.size, dense.shape[-1], real.device, dense=dense)

    def _spread(self, given: Tensor, table: Tensor, keys: int) -> Tensor:
        """Weights (B, N - 2, H, size, C * size) in the places of their keys, (B, H, (N - 2) * size, S)."""
        given = given.transpose(1, 2).unflatten(-1, (-1, self.size))
        spread = given.new_zeros(*given.shape[:4], keys // self.size, self.size)
        for part in (slice(0, 2), slice(2, 5), slice(5, None)):  # later ones take the places of earlier ones
            places = table[None, :, :, None, part, None].expand(*given.shape[:4], -1, self.size)
            spread = spread.scatter(4, places, given[..., part, :])
        return spread.flatten(4, 5).flatten(2, 3)


class BlockSparseSelfAttention(EncoderSelfAttention):
    """Attention of blocks to a few blocks in long texts, of all tokens to all in others; random blocks are seeded by the
    layer's number."""

    calls_dropout = True

    def __init__(self, config: Any, layer_idx: int = 0, cross: bool = False) -> None:
        super().__init__(config, layer_idx, cross)
        if not cross:
            sizes = config.block_size, config.num_random_blocks, layer_idx, config.max_position_embeddings
            self.attend = BlockSparseAttend(self.attend.scoring.scaling, config.attention_probs_dropout_prob, *sizes)


class BlockSparseEncoder(PreTrainedModel):
    """An encoder whose layers have that attention; in the order of bases before the class that calls them.

    Texts of up to (5 + 2 * num_random_blocks) blocks have full attention, as published, and so have decoders.
    """

    def __init__(self, config: Any, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self.block_size, self.attention_type = config.block_size, str(config.attention_type)

    @property
    def one_text_a_row(self) -> str:  # type: ignore[override]
        """Where long rows have sparse attention, which is laid out in blocks of the whole row."""
        sparse = self.attention_type == "block_sparse" and not self.config.is_decoder
        return "its sparse attention is laid out over the whole row (set_attention_type('original_full') changes that)" * sparse

    def set_attention_type(self, value: str) -> None:
        """Use "block_sparse" or "original_full" attention from now on; the former in long texts only.

        Raises:
            ConfigError: another kind.
        """
        if value not in KINDS:
            raise ConfigError(f"attention_type is {value!r}; expected one of {', '.join(KINDS)}")
        self.attention_type = value

    def filling(self, ids: Tensor, length: int) -> Tensor:
        """Padding `ids` (B, F) behind a text of so many tokens, embedded, (B, F, D)."""
        words: Tensor = self.get_input_embeddings()(ids)
        return words

    def through_layers(self, x: Tensor, mask: Mask, cache: Any = None, **shared: Any) -> Tensor:
        """States (B, T, D) behind all layers, (B, S, D) where these saw a text in whole blocks."""
        config, length = self.config, x.shape[1]
        long = length > (5 + 2 * config.num_random_blocks) * config.block_size
        if long and self.attention_type == "block_sparse" and not mask.causal:
            mask = in_whole_blocks(mask, len(x), config.block_size)
            if mask.keys > length:
                ids = torch.full((len(x), mask.keys - length), config.pad_token_id or 0, device=x.device)
                x = torch.cat([x, self.filling(ids, length)], dim=1)
        layers: Any = super()
        output: Tensor = layers.through_layers(x, mask, cache, **shared)
        return without_filling(output, mask)


@lru_cache(maxsize=256)
def _plan(seed: int, blocks: int, count: int, heads: int) -> list[Any]:
    """The random blocks (H, N - 2, R): of the first 5 + 2 R, none that is looked at anyway."""
    source, reach = np.random.RandomState(seed), 2 * count + 5
    rows = np.arange(1, blocks - 1)[:, None, None]
    drawn = np.stack([source.permutation(reach) for _ in range(rows.size * heads)]).reshape(rows.size, heads, reach)
    seen = (abs(drawn - rows) <= 1) | (drawn == 0) | (drawn == reach - 1)
    seen |= (rows == 1) & (drawn == reach - 2) | (rows == reach - 2) & (drawn == 1)
    chosen = np.take_along_axis(drawn, seen.argsort(axis=-1, kind="stable")[..., :count], axis=-1)
    plan: list[Any] = chosen.transpose(1, 0, 2).tolist()
    return plan


@lru_cache(maxsize=256)
def _plan_of_the_paper(seed: int, blocks: int, longest: int, size: int, count: int, heads: int) -> list[Any]:
    """The same for lengths that the paper trained with; rows are drawn for the `longest` text, in blocks, and cut."""
    source, inner = np.random.RandomState(seed), np.arange(1, longest - 1)
    last = _REACH_IN_THE_PAPER // size - 1 if 2 * size < _REACH_IN_THE_PAPER else longest - 1
    plan = []
    for _ in range(heads):
        rows = []
        for row in range(1, longest - 1):
            before, behind = inner[: min(max(row - 2, 0), last)], inner[row + 1 : last]
            choice = inner[:last] if row >= longest - 3 else np.concatenate([before, behind])
            rows.append(source.permutation(choice)[:count].tolist())
        plan.append(rows[: blocks - 2])
    return plan
