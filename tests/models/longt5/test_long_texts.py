"""LongT5's encoder on long texts: memory that grows with their length, and states that padding on the left does not change."""

import pytest
import torch
from kit.largest_tensor import LargestTensor

from bestiary.models.longt5 import LongT5Config, LongT5EncoderModel

TINY = {"vocab_size": 50, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 2, "num_heads": 2}


@torch.no_grad()
@pytest.mark.parametrize("kind", ["local", "transient-global"])
def test_no_tensor_grows_with_the_square_of_the_length(kind: str) -> None:
    length, block, of = 4096, 16, 256
    config = LongT5Config(**TINY, local_radius=block - 1, global_block_size=of, encoder_attention_type=kind)
    model = LongT5EncoderModel(config).eval()
    with LargestTensor() as largest:
        model(torch.randint(5, 50, (1, length)))
    assert largest.numel <= 2 * length * (3 * block + length // of)  # heads, tokens, and what each of them sees


@torch.no_grad()
def test_summaries_count_real_tokens() -> None:
    torch.manual_seed(0)
    model = LongT5EncoderModel(
        LongT5Config(**TINY, local_radius=2, global_block_size=4, encoder_attention_type="transient-global")
    ).eval()
    text, mask = torch.randint(5, 50, (1, 30)), torch.ones(1, 37, dtype=torch.long)
    mask[:, :7] = 0
    padded = model(torch.nn.functional.pad(text, (7, 0)), mask).last_hidden_state
    torch.testing.assert_close(padded[:, 7:], model(text).last_hidden_state)
