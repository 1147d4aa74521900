"""The selective scan against its formula, written out; and texts given in parts."""

import pytest
import torch

from bestiary.nn.ssm import CausalConv1d, selective_scan


def problem(length: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(length)
    sizes = {"x": (2, length, 5), "delta": (2, length, 5), "a": (5, 3), "b": (2, length, 3), "c": (2, length, 3)}
    x, delta, a, b, c = (torch.randn(size) for size in sizes.values())
    return x, delta.exp(), -a.exp(), b, c


def written_out(x, delta, a, b, c):
    """y_t = sum over s <= t of C_t exp(A (delta_{s+1} + ... + delta_t)) delta_s B_s x_s, in fp64."""
    x, delta, a, b, c = (each.double() for each in (x, delta, a, b, c))
    total = delta.cumsum(1)
    y = torch.zeros_like(x)
    for t in range(x.shape[1]):
        for s in range(t + 1):
            decay = ((total[:, t] - total[:, s]).unsqueeze(-1) * a).exp()
            y[:, t] += (decay * (delta[:, s] * x[:, s]).unsqueeze(-1) * b[:, s, None] * c[:, t, None]).sum(-1)
    return y.float()


@pytest.mark.parametrize("length", [1, 7, 130])  # 130 positions are three chunks
def test_the_scan_is_the_formula(length):
    inputs = problem(length)
    y, state = selective_scan(*inputs)
    torch.testing.assert_close(y, written_out(*inputs), rtol=1e-5, atol=1e-5)
    assert state.shape == (2, 5, 3)


@pytest.mark.parametrize("sizes", [[1] * 9, [4, 5], [70, 1, 64]], ids=str)
def test_parts_of_a_text_equal_all_of_it(sizes):
    x, delta, a, b, c = problem(sum(sizes))
    whole, last = selective_scan(x, delta, a, b, c)
    state, parts = None, []
    for x_part, delta_part, b_part, c_part in zip(*(each.split(sizes, dim=1) for each in (x, delta, b, c)), strict=True):
        y, state = selective_scan(x_part, delta_part, a, b_part, c_part, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    torch.testing.assert_close(state, last)


def test_gradients_of_the_scan():
    inputs = [each.requires_grad_() for each in problem(6)]
    y, _ = selective_scan(*inputs)
    gradients = torch.autograd.grad(y.sin().sum(), inputs)
    expected = torch.autograd.grad(written_out(*inputs).sin().sum(), inputs)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-5)


def test_16_bit_inputs_are_computed_in_fp32():
    half = [each.bfloat16() for each in problem(20)]
    y, state = selective_scan(*half)
    assert y.dtype == state.dtype == torch.float32
    torch.testing.assert_close(y, selective_scan(*(each.float() for each in half))[0], rtol=0, atol=0)


@pytest.mark.parametrize("width", [1, 2, 4])
@torch.no_grad()
def test_the_convolution_sees_only_what_came_before(width):
    torch.manual_seed(0)
    conv, x = CausalConv1d(3, width, bias=True), torch.randn(2, 3, 8)
    whole = conv(x)
    for t in range(8):
        window = torch.cat([torch.zeros(2, 3, width), x[:, :, : t + 1]], dim=2)[:, :, -width:]
        expected = (window * conv.weight.squeeze(1)).sum(-1) + conv.bias
        torch.testing.assert_close(whole[:, :, t], expected)
    torch.testing.assert_close(conv(x[:, :, 5:], earlier=x[:, :, :5]), whole[:, :, 5:])
