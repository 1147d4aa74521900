"""The rotary pieces under their old names, beside the reference's."""

import pytest
import torch
import transformers
from transformers.models.llama import modeling_llama as published

from bestiary.compat import rotary
from bestiary.models.llama import LlamaConfig

SIZES = {"hidden_size": 32, "num_attention_heads": 4, "max_position_embeddings": 16}
SCALINGS = [
    None,
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
]


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda value: value["rope_type"] if value else "default")
def test_angles(scaling: dict[str, float] | None) -> None:
    scaling = scaling and {"rope_theta": 10000.0, **scaling}
    theirs = published.LlamaRotaryEmbedding(transformers.LlamaConfig(**SIZES, rope_parameters=scaling and dict(scaling)))
    ours = rotary.LlamaRotaryEmbedding(LlamaConfig(**SIZES, rope_parameters=scaling))
    torch.testing.assert_close(ours.inv_freq, theirs.inv_freq)
    x, positions = torch.zeros(2, 12, 32), torch.arange(12)[None]
    for mine, other in zip(ours(x, positions), theirs(x, positions), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("dim", [1, 2])
def test_turning(dim: int) -> None:
    shape = (2, 4, 12, 8) if dim == 1 else (2, 12, 4, 8)
    q, k, (cos, sin) = torch.randn(shape), torch.randn(shape), torch.randn(2, 1, 12, 8).unbind(0)
    found = rotary.apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=dim)
    for mine, other in zip(found, published.apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=dim), strict=True):
        torch.testing.assert_close(mine, other)
    assert torch.equal(rotary.rotate_half(q), published.rotate_half(q))
    assert torch.equal(rotary.repeat_kv(q, 3), published.repeat_kv(q, 3))
