"""ALiBi: the published slopes, and keys counted by the mask."""

import pytest
import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

from bestiary.nn.alibi import Alibi, slopes, with_alibi
from bestiary.nn.masks import make_mask

PADDED = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 0, 1, 1, 0]])


@pytest.mark.parametrize("heads", [1, 2, 4, 6, 8, 12, 112])
def test_biases_are_the_published_ones_at_real_keys(heads: int) -> None:
    mask = with_alibi(make_mask(5, PADDED.device, PADDED), Alibi(torch.tensor(slopes(heads))), torch.float32)
    published = build_alibi_tensor(PADDED, heads, torch.float32).view(3, heads, 1, 5)
    real = PADDED[:, None, None].bool().expand_as(published)
    torch.testing.assert_close(mask.additive[real], published[real])


def test_it_joins_a_mask_of_numbers() -> None:
    numbers = torch.randn(3, 1, 5, 5)
    mask = with_alibi(make_mask(5, PADDED.device, numbers), Alibi(torch.tensor(slopes(2))), torch.float32)
    alone = with_alibi(make_mask(5, PADDED.device), Alibi(torch.tensor(slopes(2))), torch.float32)
    torch.testing.assert_close(mask.additive, numbers + alone.additive)


def test_a_factor_multiplies_rounded_products() -> None:
    alibi = Alibi(torch.tensor(slopes(2), dtype=torch.bfloat16), 0.5)
    positions = torch.tensor([[1000, 1001]])
    expected = (torch.tensor(slopes(2)).bfloat16()[:, None] * positions).float() * 0.5
    assert torch.equal(alibi.bias(positions, torch.float32)[0, :, 0], expected)
