"""Products with the blocks of GGUF files."""

import pytest
import torch

from bestiary.core.errors import InputError
from bestiary.core.gguf import KINDS, Kind, kind_named
from bestiary.kernels import blocks as kernels_of_blocks
from bestiary.kernels.blocks import EXACT, KIND, block_linear, block_numbers
from bestiary.kernels.gguf.blocks import dequantize
from bestiary.kernels.native import BLOCK_KINDS

pytestmark = pytest.mark.usefixtures("either_way")
# Of each type the places of its scales in 16 bits; all other bytes may be any.
SCALES = {"Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q8_0": (0,), "IQ4_NL": (0,), "Q2_K": (80, 82)}
SCALES |= {"Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "TQ2_0": (64,)}


def some_blocks(kind: Kind, outputs: int, inputs: int) -> torch.Tensor:
    """Random blocks (outputs, bytes of a row) with scales around 0.01 of both signs."""
    generator = torch.Generator().manual_seed(0)
    raw = torch.randint(0, 256, (outputs, inputs // kind.block, kind.nbytes), generator=generator).to(torch.uint8)
    for place in SCALES[kind.name]:
        scales = torch.randn(*raw.shape[:2], 1, generator=generator) * 0.01
        raw[:, :, place : place + 2] = scales.half().view(torch.uint8)
    return raw.flatten(1)


def some_rows(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def sizes(kind: Kind) -> list[tuple[int, int, int]]:
    """Rows, outputs, inputs: last chunks of 256 and last units of 16, 32 outputs that are not full."""
    usual = [(1, 37, 512), (2, 16, 256), (3, 5, 2304), (4, 33, 256), (0, 4, 256), (40, 45, 512), (33, 5, 2304)]
    return usual + ([(1, 7, 96), (5, 3, 2080), (35, 17, 288)] if kind.block == 32 else [])


@pytest.mark.parametrize("name", SCALES)
def test_numbers_are_those_of_the_definition(name: str) -> None:
    kind = kind_named(name)
    for _, outputs, inputs in sizes(kind):
        blocks = some_blocks(kind, outputs, inputs)
        expected = dequantize(blocks, kind)
        assert torch.equal(block_numbers(blocks, kind), expected)
        assert torch.equal(block_numbers(blocks, kind, torch.bfloat16), expected.bfloat16())
        assert torch.equal(block_numbers(blocks[None], kind), expected[None])


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_is_the_product_with_the_numbers(name: str, dtype: torch.dtype) -> None:
    kind = kind_named(name)
    for rows, outputs, inputs in sizes(kind):
        blocks, bias = some_blocks(kind, outputs, inputs), some_rows(outputs, dtype=dtype)
        x = some_rows(rows, inputs, dtype=dtype)
        x[:, 5:9] *= 100  # beside which others are small
        expected = x.double() @ dequantize(blocks, kind).double().t() + bias.double()
        largest = float(expected.abs().max()) if expected.numel() else 0.0
        result = block_linear(x, blocks, kind, bias)
        assert result.dtype == dtype
        assert result.shape == (rows, outputs)
        allowed = {torch.float32: 2e-6 if rows < 8 else 2e-5, torch.bfloat16: 8e-3, torch.float16: 1e-3}[dtype]
        assert torch.allclose(result.double(), expected, rtol=0, atol=allowed * largest)


@pytest.mark.parametrize("kernel", KIND.kernels)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_kernel_gives_the_same(kernel: str, dtype: torch.dtype) -> None:
    kind = kind_named("Q5_K")
    blocks, x = some_blocks(kind, 45, 512), some_rows(2, 3, 512, dtype=dtype)
    result = kernels_of_blocks._linear(x, blocks, 13, None, kernel)
    expected = x.double() @ dequantize(blocks, kind).double().t()
    assert (result.double() - expected).abs().max() < (2e-5 if dtype == torch.float32 else 1e-2) * expected.abs().max()


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e34])
def test_rows_of_any_size_are_multiplied(scale: float) -> None:
    kind = kind_named("Q4_K")
    blocks, x = some_blocks(kind, 8, 256), some_rows(2, 256) * scale
    expected = x.double() @ dequantize(blocks, kind).double().t()
    assert torch.allclose(
        block_linear(x, blocks, kind).double(), expected, rtol=0, atol=1e-5 * float(expected.abs().max()) + 1e-38
    )
    assert torch.equal(block_linear(torch.zeros(2, 256), blocks, kind), torch.zeros(2, 8))


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_does_not_get_lost(odd: float) -> None:
    kind = kind_named("Q8_0")
    blocks, x = some_blocks(kind, 8, 64), some_rows(2, 64)
    x[1, 40] = odd
    result = block_linear(x, blocks, kind)
    assert torch.isfinite(result[0]).all()
    assert not torch.isfinite(result[1]).any()


def test_gradients_reach_x_and_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels_of_blocks, "AT_ONCE", 256 * 5)  # five outputs at a time
    kind = kind_named("Q6_K")
    blocks = some_blocks(kind, 12, 256)
    x, bias = some_rows(3, 256).requires_grad_(), some_rows(12).requires_grad_()
    block_linear(x, blocks, kind, bias).square().sum().backward()
    y, other = x.detach().clone().requires_grad_(), bias.detach().clone().requires_grad_()
    torch.nn.functional.linear(y, dequantize(blocks, kind), other).square().sum().backward()
    for ours, expected in ((x.grad, y.grad), (bias.grad, other.grad)):
        assert (ours - expected).abs().max() < 1e-5 * expected.abs().max()


def test_an_input_of_another_width_is_refused() -> None:
    kind = kind_named("Q4_K")
    with pytest.raises(InputError, match=r"the input has the shape \(2, 128\); expected \(\.\.\., 256\)"):
        block_linear(torch.zeros(2, 128), some_blocks(kind, 4, 256), kind)


def test_compiled_graphs_hold_one_node() -> None:
    kind = kind_named("Q4_0")
    blocks, x = some_blocks(kind, 16, 64), some_rows(2, 64)
    compiled = torch.compile(lambda x: block_linear(x, blocks, kind), backend="eager", fullgraph=True)
    assert torch.allclose(compiled(x), block_linear(x, blocks, kind), atol=1e-5)


def test_kernels_know_the_types_that_are_tried_here() -> None:
    assert {KINDS[number].name for number in BLOCK_KINDS} == set(SCALES) - {"TQ2_0"}
    assert KIND.kernels == EXACT.kernels
