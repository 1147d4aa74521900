"""Products with weights in 8 bits."""

import copy
import pickle

import pytest
import torch

from bestiary.core.errors import InputError
from bestiary.kernels.int8 import Int8Weight

pytestmark = pytest.mark.usefixtures("either_way")
SIZES = [(1, 48, 64), (2, 100, 70), (3, 17, 70), (4, 70, 130), (5, 1, 1), (8, 33, 9), (40, 33, 200), (300, 50, 64), (0, 16, 64)]
SIZES.append((40, 300, 8200))  # several units of work


def a_weight(outputs: int, inputs: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(-128, 128, (outputs, inputs), dtype=torch.int8, generator=generator)
    return codes, torch.rand(outputs, generator=generator) * 0.01 + 0.001


def some_rows(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def written_out(x: torch.Tensor, codes: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """The definition; what follows the rounding, which float32 decides, in float64."""
    largest = x.float().abs().amax(-1, keepdim=True)
    codes_of_x = torch.where(largest > 0, x.float() * (torch.full_like(largest, 127.0) / largest), 0.0).round()
    quantized = codes_of_x.double() * largest.double() / 127
    product = quantized @ (codes.double() * scales.double()[:, None]).t()
    return product if bias is None else product + bias.double()


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_is_the_product_of_the_rows_in_8_bits(sizes: tuple[int, int, int], dtype: torch.dtype) -> None:
    rows, outputs, inputs = sizes
    codes, scales = a_weight(outputs, inputs)
    x, bias = some_rows(rows, inputs, dtype=dtype), some_rows(outputs, dtype=dtype)
    result = Int8Weight.pack(codes, scales).linear(x, bias)
    assert result.dtype == dtype
    expected = written_out(x, codes, scales, bias)
    assert torch.allclose(result.double(), expected, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-5)


def test_rows_of_zeros_and_of_other_shapes() -> None:
    codes, scales = a_weight(20, 30)
    weight = Int8Weight.pack(codes, scales)
    assert weight.linear(torch.zeros(2, 3, 30)).eq(0).all()
    across = some_rows(30, 2, 3).permute(2, 1, 0)
    assert not across.is_contiguous()
    assert torch.allclose(weight.linear(across).double(), written_out(across, codes, scales), atol=1e-5)
    assert weight.linear(torch.ones(30)).shape == (20,)
    assert weight.linear(torch.ones(2, 0, 30)).shape == (2, 0, 20)
    assert weight.linear(torch.full((1, 30), float("nan"))).isnan().all()


def test_a_row_does_not_depend_on_the_others() -> None:
    codes, scales = a_weight(70, 130)
    weight, x = Int8Weight.pack(codes, scales), some_rows(70, 130)
    together = weight.linear(x)
    for row in (0, 1, 33, 69):
        assert torch.equal(weight.linear(x[row : row + 1]), together[row : row + 1])


@pytest.mark.parametrize("rows", [1, 2, 7, 40])
@pytest.mark.parametrize("inputs", [64, 70])
def test_columns_with_outliers_are_exact(rows: int, inputs: int) -> None:
    codes, scales = a_weight(33, inputs)
    x = some_rows(rows, inputs)
    x[:, 5] = 50.0
    x[-1, 64 % inputs] = -20.0
    apart = (x.abs() >= 6.0).any(0)
    assert 2 <= apart.sum() < 10
    rest = x.masked_fill(x.abs() >= 6.0, 0.0)
    step = rest.abs().amax(-1, keepdim=True) / 127
    quantized = (rest / step).round() * step
    quantized[:, apart] = x[:, apart]
    dense = codes.double() * scales.double()[:, None]
    result = Int8Weight.pack(codes, scales).linear(x, outliers=6.0)
    assert torch.allclose(result.double(), quantized.double() @ dense.t(), atol=1e-4)
    none = Int8Weight.pack(codes, scales)
    assert torch.equal(none.linear(x, outliers=100.0), none.linear(x))


def test_outliers_as_in_bitsandbytes() -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    codes, scales = a_weight(32, 96)
    x = some_rows(6, 96).half()
    x[:, 7] = 30.0
    x[2, 50] = -12.0
    rows, statistics, columns = functional.int8_vectorwise_quant(x.clone(), threshold=6.0)
    plain = functional.int8_mm_dequant(functional.int8_linear_matmul(rows, codes), statistics, scales * 127).float()
    expected = plain + x[:, columns].float() @ (codes[:, columns] * scales[:, None]).t()
    assert torch.allclose(Int8Weight.pack(codes, scales).linear(x, outliers=6.0).float(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("sizes", [(48, 64), (17, 70), (1, 1), (300, 129)])
def test_codes_come_back_bit_for_bit(sizes: tuple[int, int]) -> None:
    codes, scales = a_weight(*sizes)
    weight = Int8Weight.pack(codes, scales)
    assert torch.equal(weight.codes(), codes)
    assert weight.shape == codes.shape
    assert torch.equal(weight.dequantize(), codes * scales[:, None])
    assert weight.dequantize(torch.bfloat16).dtype == torch.bfloat16


def test_codes_may_begin_anywhere_in_memory() -> None:
    codes, scales = a_weight(32, 64)
    shifted = torch.cat((codes.new_zeros(1), codes.flatten()))[1:].view(32, 64)
    assert torch.equal(Int8Weight.pack(shifted, scales).codes(), codes)
    assert torch.equal(Int8Weight.pack(codes.t(), scales.repeat(2)).codes(), codes.t())


def test_it_can_be_copied_and_stored() -> None:
    codes, scales = a_weight(33, 70)
    weight, x = Int8Weight.pack(codes, scales), some_rows(3, 70)
    for other in (copy.deepcopy(weight), pickle.loads(pickle.dumps(weight)), weight.to("cpu")):  # noqa: S301 (our own bytes)
        assert torch.equal(other.codes(), codes)
        assert torch.equal(other.scales, scales)
        assert torch.equal(other.linear(x), weight.linear(x))


def test_the_codes_are_not_held_twice() -> None:
    codes, scales = a_weight(256, 512)
    assert Int8Weight.pack(codes, scales).nbytes < 1.05 * codes.numel()


def test_gradients_reach_the_input_and_the_bias() -> None:
    codes, scales = a_weight(17, 70)
    x, bias = some_rows(4, 70).requires_grad_(), some_rows(17).requires_grad_()
    gradient = some_rows(4, 17)
    Int8Weight.pack(codes, scales).linear(x, bias).backward(gradient)
    assert x.grad is not None
    assert bias.grad is not None
    assert torch.allclose(x.grad, gradient @ (codes * scales[:, None]), atol=1e-5)
    assert torch.allclose(bias.grad, gradient.sum(0), atol=1e-5)


def test_compiled_it_is_one_graph() -> None:
    codes, scales = a_weight(33, 70)
    weight, x = Int8Weight.pack(codes, scales), some_rows(3, 70)

    def twice(x: torch.Tensor) -> torch.Tensor:
        return weight.linear(x * 2.0) + 1.0

    compiled = torch.compile(twice, fullgraph=True, backend="aot_eager", dynamic=True)
    assert torch.allclose(compiled(x), twice(x), atol=1e-5)
    for rows in (1, 5):
        assert torch.allclose(compiled(some_rows(rows, 70)), twice(some_rows(rows, 70)), atol=1e-5)
    with torch.inference_mode():
        assert torch.allclose(compiled(x), twice(x), atol=1e-5)


def test_on_the_meta_device_it_has_shapes() -> None:
    codes, scales = a_weight(33, 70)
    weight = Int8Weight.pack(codes.to("meta"), scales.to("meta"))
    assert weight.linear(torch.ones(3, 70, device="meta")).shape == (3, 33)


def test_what_cannot_be_packed_is_refused() -> None:
    codes, scales = a_weight(4, 6)
    with pytest.raises(InputError, match="expected int8 of two dimensions"):
        Int8Weight.pack(codes.float(), scales)
    with pytest.raises(InputError, match="one for each of the 4 rows"):
        Int8Weight.pack(codes, scales[:3])


def test_rows_of_another_width_are_refused() -> None:
    codes, scales = a_weight(16, 64)
    for x in (torch.ones(2, 63), torch.ones(2, 65), torch.tensor(1.0)):
        with pytest.raises(InputError, match=r"expected \(\.\.\., 64\)"):
            Int8Weight.pack(codes, scales).linear(x)


def test_float64_is_computed_in_float32() -> None:
    codes, scales = a_weight(16, 64)
    weight, x = Int8Weight.pack(codes, scales), some_rows(2, 64)
    result = weight.linear(x.double())
    assert result.dtype == torch.float64
    assert torch.allclose(result.float(), weight.linear(x), atol=1e-5)


def test_one_column() -> None:
    codes = torch.arange(-16, 16, dtype=torch.int8).unsqueeze(1)
    weight = Int8Weight.pack(codes, torch.full((32,), 0.5))
    x = torch.tensor([[2.0], [-1.0], [0.0]])
    torch.testing.assert_close(weight.linear(x), x @ weight.dequantize().T)
