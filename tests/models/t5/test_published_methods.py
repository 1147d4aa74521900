"""What scripts call of T5 besides `forward`, under its published names."""

from typing import Any

import pytest
import torch
from kit.families import pair


def both() -> tuple[Any, Any]:
    models = pair("t5", "T5ForConditionalGeneration")
    return models.ours, models.reference


def test_labels_are_shifted() -> None:
    labels = torch.tensor([[5, 6, 7], [8, -100, -100]])
    shifted, expected = (model._shift_right(labels) for model in both())
    assert torch.equal(shifted, expected)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize("sizes", [(3, 3), (2, 5), (1, 5, None, 4)])
@torch.no_grad()
def test_the_bias_of_distances(half: str, sizes: tuple[Any, ...]) -> None:
    ours, reference = (model.get_submodule(half).block[0].layer[0].SelfAttention for model in both())
    bias = ours.compute_bias(*sizes)
    assert bias.shape == (1, ours.num_heads, *sizes[:2])
    torch.testing.assert_close(bias, reference.compute_bias(*sizes))


@pytest.mark.parametrize("both_ways", [True, False])
def test_the_buckets_of_distances(both_ways: bool) -> None:
    ours, reference = (type(model.encoder.block[0].layer[0].SelfAttention) for model in both())
    apart, options = torch.arange(-30, 30)[None], {"bidirectional": both_ways, "num_buckets": 8, "max_distance": 20}
    assert torch.equal(ours._relative_position_bucket(apart, **options), reference._relative_position_bucket(apart, **options))
