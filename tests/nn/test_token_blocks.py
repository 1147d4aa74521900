"""Blocks of tokens, between their neighbours and joined again."""

import torch

from bestiary.nn.token_blocks import in_blocks, joined, with_neighbours


def test_blocks_are_rows_and_become_texts_again() -> None:
    x = torch.randn(2, 3, 12, 5)
    blocks = in_blocks(x, 4)
    assert blocks.shape == (6, 3, 4, 5)
    assert torch.equal(blocks[4], x[1, :, 4:8])
    assert torch.equal(joined(blocks, 2), x)


def test_each_block_lies_between_its_neighbours() -> None:
    x = torch.randn(2, 3, 12, 5)
    around = with_neighbours(x, 4)
    assert torch.equal(around[4], x[1])
    assert torch.equal(around[2], torch.cat([x[0, :, 4:], torch.zeros(3, 4, 5)], dim=1))
