"""RMS norms, rotary positions and one query's attention by C kernels give what the formulas of torch give."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bestiary.kernels import elements
from bestiary.nn.activations import KERNELS, gated, gelu_tanh
from bestiary.nn.kernels import Scoring, eager, sdpa
from bestiary.nn.masks import Mask
from bestiary.nn.norm import FullPrecisionRMSNorm, RMSNorm, ShiftedRMSNorm
from bestiary.nn.rope import rotate, rotate_both

DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def nearly_all_equal(found: Tensor, expected: Tensor) -> None:
    """Equal to within the sum's last bit: in 16 bits a number in thousands may be the neighbour of the expected one."""
    assert found.dtype == expected.dtype
    if found.dtype == torch.float32:
        torch.testing.assert_close(found, expected, rtol=2e-6, atol=1e-6)
        return
    assert (found != expected).float().mean() < 2e-3
    torch.testing.assert_close(found, expected, rtol=2 * torch.finfo(found.dtype).eps, atol=0)


@pytest.mark.parametrize("kind", [RMSNorm, ShiftedRMSNorm, FullPrecisionRMSNorm])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 576), (2, 40, 300), (3, 256), (1, 9, 1, 64)])
def test_norms(kind: type[RMSNorm], dtype: torch.dtype, shape: tuple[int, ...], kernels: Callable[[bool], None]) -> None:
    norm = kind(shape[-1], 1e-5)
    torch.nn.init.normal_(norm.weight)
    norm, x = norm.to(dtype), torch.randn(shape).to(dtype) * 3
    with torch.no_grad():
        assert elements.rms_norm(x, norm.weight, 1e-5, 0) is not None
        by_kernel = norm(x)
        kernels(False)
        nearly_all_equal(by_kernel, norm(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1024), (3, 5, 1100), (70, 1028)])
def test_gelu_by_tanh(dtype: torch.dtype, shape: tuple[int, ...], kernels: Callable[[bool], None]) -> None:
    x = torch.randn(shape).to(dtype) * 4
    x.view(-1)[:9] = torch.tensor([0.0, -0.0, 1e-30, -100.0, 100.0, float("inf"), -3e-5, 0.4, -0.4]).to(dtype)
    assert elements.activated(x, None, elements.GELU_TANH) is not None
    found = gelu_tanh(x)
    kernels(False)
    # Where 1 + tanh is nearly 0 it has few digits in both.
    close = {"rtol": max(2e-6, 2 * torch.finfo(dtype).eps), "atol": 2e-6}
    torch.testing.assert_close(found, gelu_tanh(x), **close)
    x.view(-1)[3] = float("nan")
    kernels(True)
    assert gelu_tanh(x).isnan().sum() == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", KERNELS)
def test_gates(function: Callable[[Tensor], Tensor], dtype: torch.dtype, kernels: Callable[[bool], None]) -> None:
    gate, up = (torch.randn(2, 9, 520).to(dtype) * 4 for _ in range(2))
    assert elements.activated(gate, up, KERNELS[function]) is not None
    found = gated(function, gate, up)
    kernels(False)
    expected = gated(function, gate, up)
    assert torch.equal(expected, function(gate) * up)
    torch.testing.assert_close(
        found, expected, rtol=max(2e-6, 2 * torch.finfo(dtype).eps), atol=3e-5
    )  # up to 60, times what is lost where 1 + erf is nearly 0
    kernels(True)
    other = up.transpose(0, 1).contiguous().transpose(0, 1)  # in another order in memory
    torch.testing.assert_close(
        gated(function, gate, other), expected, rtol=max(2e-6, 2 * torch.finfo(dtype).eps), atol=3e-5
    )  # up to 60, times what is lost where 1 + erf is nearly 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(("size", "turned"), [(64, 64), (80, 80), (64, 16), (64, 32)])
@pytest.mark.parametrize(("rows", "tokens", "by_row"), [(1, 1, False), (2, 5, True), (2, 7, False)])
def test_turning(
    dtype: torch.dtype,
    interleaved: bool,
    size: int,
    turned: int,
    rows: int,
    tokens: int,
    by_row: bool,
    kernels: Callable[[bool], None],
) -> None:
    query, key = (torch.randn(rows, tokens, heads, size).to(dtype).transpose(1, 2) for heads in (6, 2))
    angles = torch.randn(rows if by_row else 1, tokens, turned)
    cos, sin = angles.cos().to(dtype), angles.roll(1, -1).sin().to(dtype)
    assert elements.turned(query, key, cos, sin, interleaved) is not None
    for found, states in zip(rotate_both(query, key, cos, sin, interleaved), (query, key), strict=True):
        expected = rotate(states, cos, sin, interleaved)
        if dtype == torch.float32:
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
        else:
            assert torch.equal(found, expected)


def attention(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None, scaling: float, cap: float | None) -> Tensor:
    """The formula in double precision."""
    groups = query.shape[1] // key.shape[1]
    key, value = (each.double().repeat_interleave(groups, dim=1) for each in (key, value))
    scores = query.double() @ key.transpose(-1, -2) * scaling
    scores = scores if cap is None else cap * torch.tanh(scores / cap)
    scores = scores if allowed is None else scores.masked_fill(~allowed, -torch.inf)
    return scores.softmax(-1) @ value


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("heads", "groups", "size"), [(9, 3, 64), (4, 4, 80), (20, 1, 40), (2, 2, 256)])
@pytest.mark.parametrize("slots", [1, 17, 300])
@pytest.mark.parametrize("padded", [False, True])
def test_one_query(
    dtype: torch.dtype, heads: int, groups: int, size: int, slots: int, padded: bool, kernels: Callable[[bool], None]
) -> None:
    query = torch.randn(2, heads, 1, size).to(dtype)
    key, value = (torch.randn(2, groups, slots + 9, size).to(dtype)[:, :, :slots] for _ in range(2))
    mask = Mask(1, slots, key.device, causal=True, first_query=slots - 1)
    if padded and slots > 1:
        mask.padding = torch.arange(slots) >= torch.tensor([[0], [slots // 2]])
    error = 2e-6 if dtype == torch.float32 else torch.finfo(dtype).eps
    for cap in (None, 5.0):
        scoring = Scoring(0.3, softcap=cap)
        assert elements.attended(query, key, value, mask.allowed(), 0.3, cap) is not None
        found = (sdpa if cap is None else eager)(query, key, value, mask, None, scoring)
        expected = attention(query, key, value, mask.allowed(), 0.3, cap)
        if cap is None or dtype == torch.float32:
            torch.testing.assert_close(found.double(), expected, rtol=error, atol=error)


def test_broken_numbers_stay_broken_and_who_looks_at_nothing_gets_nothing(kernels: Callable[[bool], None]) -> None:
    query, key = torch.randn(2, 4, 1, 64), torch.randn(2, 4, 5, 64)
    key[0, 1, 3, 7] = torch.nan
    mixed = elements.attended(
        query, key, key.nan_to_num(), torch.tensor([True, False])[:, None, None, None].expand(2, 1, 1, 5), 1, None
    )
    assert mixed is None  # such a mask does not lie slot by slot
    allowed = torch.tensor([[True] * 5, [False] * 5])[:, None, None]
    mixed = elements.attended(query, key, key.nan_to_num(), allowed, 1.0, None)
    assert mixed is not None
    assert mixed[0, 1].isnan().all()
    assert not mixed[0, 0].isnan().any()
    assert not mixed[1].any()
    x = torch.randn(1, 1, 256)
    x[..., 3] = torch.inf
    assert RMSNorm(256).requires_grad_(False)(x)[..., 3].isnan().all()


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_gradients_graphs_and_transforms_go_to_torch(kernels: Callable[[bool], None]) -> None:
    norm, x = RMSNorm(256), torch.randn(2, 3, 256)
    assert norm(x).requires_grad
    with torch.no_grad():
        expected = norm(x)
        torch.testing.assert_close(torch.func.vmap(norm)(x), expected)
        torch.testing.assert_close(torch.compile(norm, backend="eager", fullgraph=True)(x), expected)
        torch.testing.assert_close(torch.jit.trace(norm, x)(2 * x), norm(2 * x))
        assert elements.rms_norm(x[..., :128].contiguous(), norm.weight[:128], 1e-6, 0) is None  # narrow
        assert elements.rms_norm(x.to(torch.bfloat16), norm.weight, 1e-6, 0) is None
        assert elements.rms_norm(x.transpose(0, 1), norm.weight, 1e-6, 0) is None
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert elements.rms_norm(x, norm.weight, 1e-6, 0) is None
    query, key = torch.randn(1, 4, 1, 64, requires_grad=True), torch.randn(1, 2, 6, 64)
    assert sdpa(query, key, key, None, None, Scoring(1.0)).requires_grad
    assert sdpa(query.detach(), key, key.clone().requires_grad_(), None, None, Scoring(1.0)).requires_grad
    assert rotate_both(query, key[:, :, :1], torch.ones(1, 1, 64), torch.zeros(1, 1, 64))[0].requires_grad


@pytest.mark.parametrize(
    ("rows", "heads", "groups", "queries", "slots", "size"),
    [
        (2, 24, 12, 33, 33, 16),
        (2, 12, 12, 66, 66, 32),
        (1, 12, 3, 40, 170, 48),
        (3, 4, 1, 130, 130, 128),
        (1, 6, 6, 24, 300, 80),
    ],
)
@pytest.mark.parametrize(("causal", "window"), [(False, None), (True, None), (False, 9), (True, 9), (True, 200)])
@pytest.mark.parametrize("padded", [None, "left", "right"])
def test_many_queries(
    rows: int, heads: int, groups: int, queries: int, slots: int, size: int, causal: bool, window: int | None,
    padded: str | None, kernels: Callable[[bool], None],
) -> None:  # fmt: skip
    query, key, value = (
        torch.randn(rows, tokens, count, size).transpose(1, 2)
        for tokens, count in ((queries, heads), (slots, groups), (slots, groups))
    )
    mask = Mask(queries, slots, query.device, causal=causal, window=window, first_query=slots - queries)
    if padded:
        mask.padding = torch.ones(rows, slots, dtype=torch.bool)
        mask.padding[0, : slots // 2] = padded == "right"
        mask.padding[0, slots // 2 :] = padded == "left"
    places = mask.first_query, causal, window or 0
    assert elements.attended_by_many(query, key, value, mask.padding, *places, size**-0.5) is not None
    found = sdpa(query, key, value, mask, None, Scoring(size**-0.5))
    kernels(False)
    allowed = mask.allowed()
    looks = torch.tensor(True) if allowed is None else allowed.any(-1, keepdim=True)
    expected = sdpa(query.double(), key.double(), value.double(), mask, None, Scoring(size**-0.5)).float()
    torch.testing.assert_close(torch.where(looks, found, 0), torch.where(looks, expected, 0), rtol=2e-6, atol=3e-6)
    assert not found.isnan().any()


def test_many_queries_that_torch_computes(kernels: Callable[[bool], None]) -> None:
    def computed(x: Tensor) -> bool:
        return elements.attended_by_many(x, x, x, None, 0, False, 0, 1.0) is not None

    x = torch.randn(1, 12, 40, 32)
    assert computed(x)
    others = [
        x.double(),
        x.bfloat16(),
        x.clone().requires_grad_(),
        torch.randn(1, 12, 40, 40),
        torch.randn(1, 12, 40, 64)[..., ::2],
    ]
    others += [torch.randn(1, 12, 520, 32), torch.randn(1, 4, 40, 32), torch.randn(1, 12, 10, 32)]
    assert not any(computed(other) for other in others)
    x.fill_(float("nan"))
    found = elements.attended_by_many(x, x, x, None, 0, False, 0, 1.0)
    assert found is not None
    assert found.isnan().all()
