"""Products with weights in 4 bits."""

import copy
import pickle

import pytest
import torch

from bestiary.core.errors import InputError
from bestiary.kernels.int4 import Int4Weight

pytestmark = pytest.mark.usefixtures("either_way")
SIZES = [
    (1, 48, 64, 32),
    (3, 17, 96, 32),
    (40, 33, 128, 64),
    (0, 16, 64, 64),
    (2, 5, 70, 35),
    (9, 21, 77, 7),
    (40, 150, 1152, 64),
    (530, 20, 64, 32),
]


def parts(outputs: int, inputs: int, group: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes, a table without order, scales and offsets."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 16, (outputs, inputs), generator=generator).to(torch.uint8)
    table = torch.randn(16, generator=generator)
    scales = torch.rand(outputs, -(-inputs // group), generator=generator) * 0.1
    return codes, table, scales, torch.randn(scales.shape, generator=generator) * 0.1


def some_rows(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def written_out(
    codes: torch.Tensor, table: torch.Tensor, scales: torch.Tensor, offsets: torch.Tensor | None, group: int
) -> torch.Tensor:
    """The weight by its definition, in float64."""
    weight = torch.empty(codes.shape, dtype=torch.float64)
    for column in range(codes.shape[1]):
        weight[:, column] = table.double()[codes[:, column].long()] * scales.double()[:, column // group]
        if offsets is not None:
            weight[:, column] += offsets.double()[:, column // group]
    return weight


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("with_offsets", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_is_the_product_with_the_weight(sizes: tuple[int, ...], with_offsets: bool, dtype: torch.dtype) -> None:
    rows, outputs, inputs, group = sizes
    codes, table, scales, offsets = parts(outputs, inputs, group)
    given = offsets if with_offsets else None
    x, bias = some_rows(rows, inputs, dtype=dtype), some_rows(outputs, dtype=dtype)
    result = Int4Weight.pack(codes, table, scales, given).linear(x, bias)
    assert result.dtype == dtype
    expected = x.double() @ written_out(codes, table, scales, given, group).t() + bias.double()
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 3e-2}
    if dtype == torch.float32 and rows >= 32:  # AMX multiplies parts of 16 bits
        close = {"rtol": 2e-5, "atol": 5e-5 if inputs < 1000 else 1.5e-4}
    assert torch.allclose(result.double(), expected, **close)


@pytest.mark.parametrize("sizes", SIZES)
def test_codes_come_back_bit_for_bit(sizes: tuple[int, ...]) -> None:
    _, outputs, inputs, group = sizes
    codes, table, scales, offsets = parts(outputs, inputs, group)
    weight = Int4Weight.pack(codes, table, scales, offsets)
    assert torch.equal(weight.codes(), codes)
    assert weight.shape == codes.shape
    assert torch.allclose(weight.dequantize().double(), written_out(codes, table, scales, offsets, group), atol=1e-6)


def test_a_last_group_may_be_short() -> None:
    codes, table, scales, offsets = parts(5, 70, 32)
    weight, x = Int4Weight.pack(codes, table, scales, offsets, group=32), some_rows(2, 70)
    expected = x.double() @ written_out(codes, table, scales, offsets, 32).t()
    assert torch.allclose(weight.linear(x).double(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scales_keep_their_dtype(dtype: torch.dtype) -> None:
    codes, table, scales, offsets = parts(33, 128, 32)
    scales, offsets = scales.to(dtype), offsets.to(dtype)
    weight, x = Int4Weight.pack(codes, table, scales, offsets), some_rows(2, 128)
    assert weight.scales.dtype == dtype
    expected = x.double() @ written_out(codes, table, scales, offsets, 32).t()
    assert torch.allclose(weight.linear(x).double(), expected, atol=1e-5)


def test_it_can_be_copied_and_stored() -> None:
    codes, table, scales, offsets = parts(33, 64, 32)
    weight, x = Int4Weight.pack(codes, table, scales, offsets), some_rows(3, 64)
    for other in (copy.deepcopy(weight), pickle.loads(pickle.dumps(weight)), weight.to("cpu")):  # noqa: S301 (our own bytes)
        assert torch.equal(other.codes(), codes)
        assert torch.equal(other.scales, scales)
        assert other.offsets is not None
        assert torch.equal(other.offsets, offsets)
        assert torch.equal(other.linear(x), weight.linear(x))


def test_they_are_held_at_4_bits() -> None:
    codes, table, scales, _ = parts(256, 512, 64)
    assert Int4Weight.pack(codes, table, scales).nbytes < 1.05 * (codes.numel() / 2 + scales.nbytes)


def test_gradients_reach_the_input_and_the_bias() -> None:
    codes, table, scales, offsets = parts(17, 64, 32)
    x, bias, gradient = some_rows(4, 64).requires_grad_(), some_rows(17).requires_grad_(), some_rows(4, 17)
    Int4Weight.pack(codes, table, scales, offsets).linear(x, bias).backward(gradient)
    assert x.grad is not None
    assert bias.grad is not None
    assert torch.allclose(x.grad.double(), gradient.double() @ written_out(codes, table, scales, offsets, 32), atol=1e-5)
    assert torch.allclose(bias.grad, gradient.sum(0), atol=1e-5)


def test_compiled_it_is_one_graph() -> None:
    codes, table, scales, offsets = parts(33, 64, 32)
    weight, x = Int4Weight.pack(codes, table, scales, offsets), some_rows(3, 64)

    def twice(x: torch.Tensor) -> torch.Tensor:
        return weight.linear(x * 2.0) + 1.0

    compiled = torch.compile(twice, fullgraph=True, backend="aot_eager", dynamic=True)
    for rows in (3, 1, 5):
        assert torch.allclose(compiled(some_rows(rows, 64)), twice(some_rows(rows, 64)), atol=1e-5)
    with torch.inference_mode():
        assert torch.allclose(compiled(x), twice(x), atol=1e-5)


def test_other_shapes_of_input() -> None:
    codes, table, scales, offsets = parts(20, 64, 32)
    weight = Int4Weight.pack(codes, table, scales, offsets)
    across = some_rows(64, 2, 3).permute(2, 1, 0)
    expected = across.double() @ written_out(codes, table, scales, offsets, 32).t()
    assert torch.allclose(weight.linear(across).double(), expected, atol=1e-5)
    assert weight.linear(torch.ones(64)).shape == (20,)
    assert weight.linear(torch.ones(2, 0, 64)).shape == (2, 0, 20)
    meta = Int4Weight.pack(codes.to("meta"), table.to("meta"), scales.to("meta"))
    assert meta.linear(torch.ones(3, 64, device="meta")).shape == (3, 20)


def test_what_cannot_be_packed_is_refused() -> None:
    codes, table, scales, offsets = parts(4, 64, 32)
    with pytest.raises(InputError, match="expected uint8 of two dimensions"):
        Int4Weight.pack(codes.float(), table, scales)
    with pytest.raises(InputError, match="has 16 values"):
        Int4Weight.pack(codes, table[:8], scales)
    with pytest.raises(InputError, match="groups of equal length"):
        Int4Weight.pack(codes, table, scales[:, :1].expand(4, 3))
    with pytest.raises(InputError, match="must agree"):
        Int4Weight.pack(codes, table, scales, offsets[:, :1])
