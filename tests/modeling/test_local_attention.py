"""Attention to neighbours and global tokens: equal to dense attention under the same rule, refused settings, linear memory."""

import pytest
import torch
from kit.largest_tensor import LargestTensor

from bestiary.core.errors import ConfigError, InputError
from bestiary.modeling.local_attention import LocalSelfAttention, local_mask
from bestiary.models.longformer import LongformerConfig, LongformerModel

TINY = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


@torch.no_grad()
def test_dense_attention_under_the_same_rule() -> None:
    torch.manual_seed(0)
    layer, x = LocalSelfAttention(8, 2, window=4, dropout=0.0), torch.randn(2, 11, 8)
    real, is_global = torch.ones(2, 11, dtype=torch.bool), torch.zeros(2, 11, dtype=torch.bool)
    real[1, 8:], is_global[0, [0, 7]], is_global[1, 3] = False, True, True
    query, key, value, *of_globals = (
        each(x).view(2, 11, 2, 4).transpose(1, 2)
        for each in (layer.query, layer.key, layer.value, layer.query_global, layer.key_global, layer.value_global)
    )
    near = (torch.arange(11)[:, None] - torch.arange(11)).abs() <= 2
    seen = (near | is_global[:, None, :]) & real[:, None, :]
    dense = torch.nn.functional.scaled_dot_product_attention
    local = dense(query, key, value, seen[:, None])
    everywhere = dense(*of_globals, real[:, None, None, :])
    expected = torch.where(is_global[:, None, :, None], everywhere, local).transpose(1, 2).flatten(2)
    mixed = layer(x, local_mask(x, real, is_global, [4]))
    torch.testing.assert_close(mixed[real], expected[real])
    assert not mixed[~real].any()


@torch.no_grad()
@pytest.mark.parametrize("tokens", [(), (0, 1, 2, 4000)])
def test_no_tensor_grows_with_the_square_of_the_length(tokens: tuple[int, ...]) -> None:
    length, window = 4096, 64
    config = LongformerConfig(**TINY, max_position_embeddings=length + 2, attention_window=window)
    model = LongformerModel(config).eval()
    mask = torch.zeros(1, length, dtype=torch.long)
    mask[:, list(tokens)] = 1
    with LargestTensor() as largest:
        model(torch.randint(5, 50, (1, length)), global_attention_mask=mask)
    assert largest.numel <= 2 * length * (3 * window // 2 + len(tokens))  # heads, tokens, and what each of them sees


@pytest.mark.parametrize("window", [3, 0, [4], [4, 4, 4], [4, 5]])
def test_windows_that_do_not_fit_are_refused(window: int | list[int]) -> None:
    with pytest.raises(ConfigError, match="attention_window"):
        LongformerModel(LongformerConfig(**{**TINY, "num_hidden_layers": 2}, attention_window=window))


def test_masks_of_other_shapes_are_refused() -> None:
    x = torch.zeros(2, 6, 8)
    with pytest.raises(InputError, match="attention_window"):
        local_mask(x, torch.ones(2, 1, 6, 6), None, [4])
    with pytest.raises(InputError, match="global_attention_mask"):
        local_mask(x, None, torch.ones(2, 5), [4])
