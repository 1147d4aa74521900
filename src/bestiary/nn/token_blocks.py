"""Texts cut into blocks of tokens, for attention that looks at a few blocks of a long text only."""

from torch import Tensor
from torch.nn.functional import pad


def in_blocks(x: Tensor, size: int) -> Tensor:
    """(B, H, S, K) -> (B * S / size, H, size, K): each block a row of its own."""
    blocks: Tensor = x.unflatten(2, (-1, size)).transpose(1, 2).flatten(0, 1)
    return blocks


def with_neighbours(x: Tensor, size: int) -> Tensor:
    """(B, H, S, K) -> (B * S / size, H, 3 * size, K): each block between its neighbours, zeros at the ends."""
    return pad(x, (0, 0, size, size)).unfold(2, 3 * size, size).permute(0, 2, 1, 4, 3).flatten(0, 1)


def joined(x: Tensor, batch: int) -> Tensor:
    """(B * S / size, H, size, K) -> (B, H, S, K): the blocks of each text again in one row."""
    rows: Tensor = x.unflatten(0, (batch, -1)).transpose(1, 2).flatten(2, 3)
    return rows
