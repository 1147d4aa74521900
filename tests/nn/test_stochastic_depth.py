"""Stochastic depth leaves out rows, and keeps the mean; the parity suite compares its numbers with the reference's."""

import pytest
import torch

from bestiary.nn.stochastic_depth import StochasticDepth, rising_rates


@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_rows_are_left_out_as_a_whole(rate: float) -> None:
    part, ones = StochasticDepth(rate), torch.ones(20000, 2, 1)
    assert torch.equal(part.eval()(ones), ones)
    torch.default_generator.manual_seed(0)
    output = part.train()(ones)
    values = [1.0] if rate == 0 else [0.0, 1 / (1 - rate)]
    torch.testing.assert_close(output.unique(), torch.tensor(values))
    assert torch.equal(output[:, 0], output[:, 1])
    assert abs(output.mean().item() - 1) < 0.02


def test_rates_rise_from_nothing() -> None:
    assert rising_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert rising_rates(0.3, 1) == [0]
