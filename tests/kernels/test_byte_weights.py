"""Products with weights of a byte each."""

import pytest
import torch

from bestiary.core.errors import InputError
from bestiary.kernels import byte_weights
from bestiary.kernels.byte_weights import byte_linear

pytestmark = pytest.mark.usefixtures("either_way")
# Rows, outputs, inputs, and the rows and columns of a block.
SIZES = [
    (1, 37, 70, 1, 70),
    (3, 16, 128, 1, 32),
    (2, 33, 200, 8, 64),
    (9, 5, 96, 128, 96),
    (0, 4, 64, 1, 16),
    (40, 21, 144, 2, 48),
]
TYPES = [torch.int8, torch.uint8, torch.float8_e4m3fn]


def parts(outputs: int, inputs: int, block: tuple[int, int], kind: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Codes of all values but NaN, scales and offsets."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 256, (outputs, inputs), generator=generator).to(torch.uint8)
    if kind == torch.float8_e4m3fn:
        codes = codes.masked_fill(codes & 127 == 127, 3)
    grid = -(-outputs // block[0]), -(-inputs // block[1])
    scales = torch.rand(grid, generator=generator) * 0.1
    return codes.view(kind), scales, torch.randn(grid, generator=generator)


def some_rows(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def written_out(
    codes: torch.Tensor, scales: torch.Tensor, offsets: torch.Tensor | None, block: tuple[int, int]
) -> torch.Tensor:
    """The weight by its definition, in float64."""
    weight = codes.double()
    for row in range(len(weight)):
        for column in range(weight.shape[1]):
            place = row // block[0], column // block[1]
            weight[row, column] *= scales[place].double()
            if offsets is not None:
                weight[row, column] += offsets[place].double()
    return weight


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("with_offsets", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_is_the_product_with_the_weight(kind: torch.dtype, with_offsets: bool, dtype: torch.dtype) -> None:
    for rows, outputs, inputs, *block in SIZES:
        codes, scales, offsets = parts(outputs, inputs, (block[0], block[1]), kind)
        given = offsets if with_offsets else None
        x, bias = some_rows(rows, inputs, dtype=dtype), some_rows(outputs, dtype=dtype)
        expected = x.double() @ written_out(codes, scales, given, (block[0], block[1])).t() + bias.double()
        result = byte_linear(x, codes, scales, given, (block[0], block[1]), bias)
        assert result.dtype == dtype
        assert result.shape == (rows, outputs)
        allowed = {torch.float32: 2e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3}[dtype]
        assert torch.allclose(result.double(), expected, rtol=0, atol=allowed * float(expected.abs().max() if rows else 0))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("kernel", byte_weights.KIND.kernels)
def test_every_kernel_gives_the_same(kind: torch.dtype, kernel: str) -> None:
    codes, scales, offsets = parts(37, 150, (2, 32), kind)
    x = some_rows(2, 3, 150)
    result = byte_weights._linear(x, codes, scales, offsets, 2, 32, None, kernel)
    expected = x.double() @ written_out(codes, scales, offsets, (2, 32)).t()
    assert (result.double() - expected).abs().max() < 2e-6 * expected.abs().max()


def test_all_floats_of_8_bits_are_read() -> None:
    codes = torch.tensor([code for code in range(256) if code & 127 != 127], dtype=torch.uint8).view(1, -1)
    floats = codes.view(torch.float8_e4m3fn)
    result = byte_linear(torch.eye(floats.shape[1]), floats, torch.ones(1, 1), None, (1, floats.shape[1]))
    assert torch.equal(result, floats.float().t())
    few = byte_linear(torch.eye(floats.shape[1])[5:7], floats, torch.ones(1, 1), None, (1, floats.shape[1]))
    assert torch.equal(few, floats.float().t()[5:7])


def test_gradients_reach_x_and_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_weights, "AT_ONCE", 64 * 4)  # two blocks of rows at a time
    codes, scales, offsets = parts(11, 64, (2, 32), torch.int8)
    x, bias = some_rows(3, 64).requires_grad_(), some_rows(11).requires_grad_()
    byte_linear(x, codes, scales, offsets, (2, 32), bias).square().sum().backward()
    y, other = x.detach().clone().requires_grad_(), bias.detach().clone().requires_grad_()
    weight = written_out(codes, scales, offsets, (2, 32)).float()
    torch.nn.functional.linear(y, weight, other).square().sum().backward()
    for ours, expected in ((x.grad, y.grad), (bias.grad, other.grad)):
        assert (ours - expected).abs().max() < 1e-5 * expected.abs().max()


def test_compiled_graphs_hold_one_node() -> None:
    codes, scales, _ = parts(16, 64, (1, 64), torch.int8)
    x = some_rows(2, 64)
    compiled = torch.compile(lambda x: byte_linear(x, codes, scales, None, (1, 64)), backend="eager", fullgraph=True)
    assert torch.allclose(compiled(x), byte_linear(x, codes, scales, None, (1, 64)), atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    codes, scales, _ = parts(16, 64, (1, 64), torch.int8)
    with pytest.raises(InputError, match=r"the input has the shape \(2, 63\)"):
        byte_linear(torch.zeros(2, 63), codes, scales, None, (1, 64))
    with pytest.raises(InputError, match=r"scales are torch.float32 \(16, 1\); expected torch.float32 \(16, 2\)"):
        byte_linear(torch.zeros(2, 64), codes, scales, None, (1, 32))
    with pytest.raises(InputError, match="blocks of .1, 8.; expected bytes in multiples of 16 columns"):
        byte_linear(torch.zeros(2, 64), codes, torch.ones(16, 8), None, (1, 8))
