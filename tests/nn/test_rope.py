"""Rotary positions: values at far positions, casts, and the settings in all spellings."""

import math

import pytest
import torch

from bestiary.core.errors import ConfigError
from bestiary.nn.rope import KINDS, Rotary, rotate
from bestiary.nn.rope_parameters import REQUIRED, rope_parameters


def test_every_kind_has_a_function_and_its_needs() -> None:
    assert KINDS.keys() == REQUIRED.keys()


def test_far_positions_survive_casts_and_meta() -> None:
    with torch.device("meta"):
        module = Rotary(rope_parameters(None), 8, 2048)
    module = module.to(torch.bfloat16).half().to_empty(device="cpu")
    places = torch.tensor([[0, 1, 4095, 99_999]])
    cos, sin = module(places, torch.float32)
    for i in range(8):
        inverse = torch.tensor(10_000.0 ** (-2 * (i % 4) / 8))
        angles = places[0].float() * inverse
        torch.testing.assert_close(cos[0, :, i], angles.cos(), rtol=0, atol=2e-3)
        torch.testing.assert_close(sin[0, :, i], angles.sin(), rtol=0, atol=2e-3)
    assert not list(module.parameters())
    assert not list(module.buffers())


def test_scores_depend_on_distance_only() -> None:
    torch.manual_seed(0)
    module = Rotary(rope_parameters(None), 16, 64)
    query, key = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def score(at: int, other: int) -> float:
        turned = [rotate(x, *module(torch.tensor([[place]]), torch.float32)) for x, place in ((query, at), (key, other))]
        return float((turned[0] * turned[1]).sum())

    assert math.isclose(score(5, 2), score(33, 30), rel_tol=1e-4)
    assert not math.isclose(score(5, 2), score(5, 3), rel_tol=1e-4)


def test_partial_rotation_leaves_the_rest_alone() -> None:
    x = torch.randn(1, 2, 3, 16)
    turned = rotate(x, *Rotary(rope_parameters(None), 8, 64)(torch.arange(3)[None], torch.float32))
    assert torch.equal(turned[..., 8:], x[..., 8:])
    assert not torch.equal(turned[:, :, 1:, :8], x[:, :, 1:, :8])


@torch.no_grad()
def test_interleaved_pairs_turn_as_complex_numbers() -> None:
    torch.manual_seed(0)
    x, places, module = torch.randn(1, 2, 3, 8), torch.tensor([[0, 5, 9]]), Rotary(rope_parameters(None), 8, 64, True)
    angles = places[0].float()[:, None] * 10_000.0 ** (-torch.arange(4) / 4)
    numbers = torch.view_as_complex(x.unflatten(-1, (4, 2)))
    expected = torch.view_as_real(numbers * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    torch.testing.assert_close(rotate(x, *module(places, torch.float32), True), expected)
    moved = rotate(x, *module(places + 4, torch.float32), True)
    torch.testing.assert_close(module.turn(expected, 4), moved)
    half = Rotary(rope_parameters(None, partial_rotary_factor=0.5), 8, 64, True)(places, torch.float32)
    turned = rotate(x, *half, True)
    assert torch.equal(turned[..., 4:], x[..., 4:])
    assert not torch.equal(turned[:, :, 1:, :4], x[:, :, 1:, :4])


def test_older_spellings_mean_the_same() -> None:
    new = rope_parameters({"rope_type": "linear", "factor": 2.0, "rope_theta": 5.0})
    assert rope_parameters(None, {"type": "linear", "factor": 2.0}, 5.0) == new
    assert rope_parameters(None, None, 5.0) == {"rope_type": "default", "rope_theta": 5.0}
    partial = {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5}
    assert rope_parameters(None, partial_rotary_factor=0.5) == rope_parameters(partial, partial_rotary_factor=0.2) == partial
    assert rope_parameters(None, {"type": "su", "short_factor": [1], "long_factor": [2]})["rope_type"] == "longrope"


def test_bad_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        rope_parameters({"rope_type": "liner", "factor": 2.0})
    with pytest.raises(ConfigError, match="needs factor"):
        rope_parameters({"rope_type": "linear"})


def test_factors_are_one_for_each_pair() -> None:
    parameters = rope_parameters({"rope_type": "longrope", "short_factor": [1.0], "long_factor": [2.0] * 4})
    with pytest.raises(ConfigError, match="short_factor holds 1 numbers; expected one for each of 4 pairs"):
        Rotary(parameters, 8, 16)
