"""Norms that take another way where nothing has to be kept for gradients."""

import pytest
import torch

from bestiary.nn.norm import RMSNorm, ShiftedRMSNorm


@pytest.mark.parametrize(("kind", "shift"), [(RMSNorm, 0.0), (ShiftedRMSNorm, 1.0)])
def test_numbers_are_those_of_the_formula_with_and_without_gradients(kind: type[RMSNorm], shift: float) -> None:
    torch.manual_seed(0)
    norm, x = kind(33, eps=1e-3), torch.randn(2, 5, 33)
    before = x.clone()
    torch.nn.init.normal_(norm.weight)
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-3).sqrt() * (shift + norm.weight)
    torch.testing.assert_close(norm(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(norm(x), expected)
    assert torch.equal(x, before)
