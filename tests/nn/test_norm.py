"""Norms that take another way where nothing has to be kept for gradients."""

import pytest
import torch

from bestiary.nn.norm import FullPrecisionRMSNorm, RMSNorm, ShiftedRMSNorm


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


@pytest.mark.parametrize("kind", [RMSNorm, ShiftedRMSNorm, FullPrecisionRMSNorm])
def test_many_weights_at_once(kind: type[RMSNorm]) -> None:
    norm, x = kind(8), torch.randn(3, 8)
    weights = torch.randn(5, 8)
    with torch.no_grad():
        found = torch.vmap(lambda weight: torch.func.functional_call(norm, {"weight": weight}, (x,)))(weights)
        expected = torch.stack([torch.func.functional_call(norm, {"weight": weight}, (x,)) for weight in weights])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_another_way_to_norm_of_a_subclass_is_taken() -> None:
    class Halved(RMSNorm):
        def _lean(self, x: torch.Tensor) -> torch.Tensor:
            return x / 2

    with torch.no_grad():
        assert torch.equal(Halved(1024)(torch.ones(2, 1024)), torch.full((2, 1024), 0.5))
