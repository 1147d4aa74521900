"""Products with weights in 16 bits on a CPU."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bestiary.kernels import half
from bestiary.kernels.half import HalfLinear, half_linear, speed_up_halves, widened
from bestiary.kernels.native import Native

HALVES = [torch.bfloat16, torch.float16]


def parts(outputs: int, inputs: int, dtype: torch.dtype, *rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((*rows, inputs), (outputs, inputs), (outputs,))
    x, weight, bias = (torch.randn(size, generator=generator).to(dtype) for size in sizes)
    return x, weight, bias


def is_close(result: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> bool:
    """Whether it is the product, rounded once."""
    exact = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    return result.dtype == x.dtype and torch.allclose(result.double(), exact, rtol=torch.finfo(x.dtype).eps, atol=1e-3)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("rows", "outputs", "inputs"), [(1, 48, 64), (2, 17, 70), (3, 5, 33), (4, 1, 1), (9, 100, 130)])
def test_the_kernel_is_the_product_rounded_once(
    with_kernels: Native, dtype: torch.dtype, rows: int, outputs: int, inputs: int
) -> None:
    x, weight, bias = parts(outputs, inputs, dtype, rows)
    assert is_close(with_kernels.half_linear(x, weight, bias), x, weight, bias)
    assert is_close(with_kernels.half_linear(x, weight, None), x, weight, None)
    assert is_close(with_kernels.half_linear(x, weight, bias.float()), x, weight, bias)


@pytest.mark.parametrize("dtype", HALVES)
def test_in_parts_of_float32_it_is_the_product_rounded_once(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr(half, "_AT_A_TIME", 300)
    x, weight, bias = parts(17, 70, dtype, 2, 3)
    assert is_close(widened(x, weight, bias), x, weight, bias)
    assert is_close(widened(x, weight, None), x, weight, None)


@pytest.fixture(params=["vectors", "torch", "widened"])
def chosen(request: pytest.FixtureRequest, with_kernels: Native, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kernel in turn is chosen, for matrices of any size."""
    monkeypatch.setattr(half, "WORTH_COMPILING", 0)
    monkeypatch.setattr(half, "choose", lambda kind, rows, weights: request.param)
    return request.param


@pytest.mark.parametrize("dtype", HALVES)
def test_a_linear_layer_by_every_kernel(chosen: str, dtype: torch.dtype) -> None:
    x, weight, bias = parts(33, 70, dtype, 2, 3)
    across = x.permute(1, 0, 2)
    result = half_linear(across, weight, bias)
    assert torch.equal(result, F.linear(across, weight, bias)) if chosen == "torch" else is_close(result, across, weight, bias)
    assert half_linear(x[:0], weight, bias).shape == (0, 3, 33)
    assert half_linear(x[0, 0], weight, None).shape == (33,)
    with pytest.raises(RuntimeError):
        half_linear(x[..., :-1].contiguous(), weight, bias)


def test_layers_of_a_model_become_fast_and_stay_what_they_are(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half, "WORTH_IT", 0)
    model = nn.Sequential(nn.Linear(70, 33), nn.ReLU(), nn.Linear(33, 5, bias=False)).to(torch.bfloat16).eval()
    model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    seen: list[torch.Size] = []
    names, shown = list(model.state_dict()), repr(model)
    x = torch.randn(3, 70).to(torch.bfloat16)
    before = model(x)
    speed_up_halves(model)
    assert [type(layer) for layer in model] == [HalfLinear, nn.ReLU, HalfLinear]
    assert isinstance(model[0], nn.Linear)
    assert (list(model.state_dict()), repr(model)) == (names, shown)
    with torch.no_grad():
        assert torch.allclose(model(x), before, atol=2e-2)
        assert torch.equal(copy.deepcopy(model)(x), model(x))
        wide = copy.deepcopy(model).float()
        assert wide(x.float()).dtype == torch.float32
    assert len(seen) == 5
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    model(x).sum().backward()
    assert model[0].weight.grad is not None
    compiled = torch.compile(model[2], fullgraph=True, backend="eager")
    with torch.no_grad():
        assert torch.equal(compiled(x[:, :33]), F.linear(x[:, :33], model[2].weight))


def test_layers_in_float32_stay() -> None:
    model = nn.Sequential(nn.Linear(1 << 12, 1 << 12, device="meta"))
    speed_up_halves(model)
    assert type(model[0]) is nn.Linear
    speed_up_halves(model.to(torch.bfloat16))
    assert type(model[0]) is HalfLinear


def test_small_models_are_left_to_torch() -> None:
    model = nn.Sequential(nn.Linear(4, 4)).to(torch.bfloat16)
    speed_up_halves(model)
    assert type(model[0]) is nn.Linear


def test_small_matrices_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half, "choose", lambda *_: pytest.fail("asked"))
    x, weight, bias = parts(33, 70, torch.bfloat16, 3)
    assert torch.equal(half_linear(x, weight, bias), F.linear(x, weight, bias))
