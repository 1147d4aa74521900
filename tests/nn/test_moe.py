"""Mixtures of experts: one token at a time by hand, the same in a graph, shares, jitter and the balance of the work."""

import pytest
import torch

from bestiary.nn.losses import load_balancing_loss
from bestiary.nn.moe import Experts, PlainExperts, Router, SparseMixer, TransposedExperts


@pytest.fixture
def parts():
    torch.manual_seed(0)
    router, experts = Router(8, 5, 2), Experts(5, 8, 6, "silu")
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return router, experts, torch.randn(7, 8)


def by_hand(router, experts, x):
    scores = (x @ router.weight.T).softmax(-1)
    rows = []
    for state, row in zip(x, scores, strict=True):
        best = row.topk(2)
        row_result = torch.zeros(8)
        for share, expert in zip(best.values / best.values.sum(), best.indices, strict=True):
            gate, up = (experts.gate_up_proj[expert] @ state).chunk(2)
            row_result = row_result + share * (experts.down_proj[expert] @ (torch.nn.functional.silu(gate) * up))
        rows.append(row_result)
    return torch.stack(rows)


@torch.no_grad()
def test_each_token_gets_its_experts(parts):
    router, experts, x = parts
    _, shares, chosen = router(x)
    expected = by_hand(router, experts, x)
    torch.testing.assert_close(experts(x, chosen, shares), expected)
    torch.testing.assert_close(experts._all(x, shares, chosen), expected)
    compiled = torch.compile(experts, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, chosen, shares), expected)


@pytest.mark.skipif(not hasattr(torch.nn.functional, "grouped_mm"), reason="torch computes one expert at a time")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", [Experts, PlainExperts, TransposedExperts])
def test_all_experts_at_once_give_what_one_after_the_other_gives(kind, dtype, monkeypatch):
    experts = kind(8, 16, 24, "silu").to(dtype)
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x, shares = torch.randn(12, 16, dtype=dtype, requires_grad=True), torch.rand(12, 2, dtype=dtype)
    chosen = torch.tensor([[1, 4], [4, 6], [1, 6]]).repeat(4, 1)  # the others get nothing
    results = []
    for at_once in (True, False):
        monkeypatch.setattr(kind, "_groups", kind._groups if at_once else lambda *args: False)
        assert experts._groups(chosen, x) is at_once
        output = experts(x, chosen, shares)
        gradients = torch.autograd.grad(output.float().square().sum(), [x, *experts.parameters()])
        results.append((output, *gradients))
    torch.testing.assert_close(*results)


def test_what_torch_does_not_group_is_computed_too():
    experts, chosen, shares = Experts(2, 7, 5, "silu"), torch.tensor([[0], [1], [0]]), torch.rand(3, 1)
    for parameter in experts.parameters():
        torch.nn.init.normal_(parameter)
    for each in (experts, experts.double()):  # rows of 28 bytes; fp64
        x = torch.randn(3, 7, dtype=each.down_proj.dtype)
        assert not each._groups(chosen, x)
        torch.testing.assert_close(each(x, chosen, shares.to(x)), each._all(x, shares.to(x), chosen))


def test_shares_of_all_experts_do_not_add_up(parts):
    router, _, x = parts
    router.shares_add_up = False
    scores, shares, chosen = router(x)
    torch.testing.assert_close(shares, scores.softmax(-1).gather(1, chosen))


def test_noise_is_for_training(parts):
    router, _, x = parts
    router.noise = 0.5
    assert not torch.equal(router(x)[0], router(x)[0])
    router.eval()
    assert torch.equal(router(x)[0], router(x)[0])


def test_the_balance_is_least_where_the_work_is_even():
    even = torch.eye(4).repeat(2, 1) * 20
    assert load_balancing_loss([even, even], 1).item() == pytest.approx(1.0, abs=1e-4)
    uneven = torch.eye(4)[[0, 0, 0, 0, 0, 0, 0, 1]] * 20
    assert load_balancing_loss([uneven], 1).item() > 3
    # Padding counts for nothing: what is left after it is even.
    mask = torch.tensor([[0, 1, 1], [0, 1, 1]])
    padded = torch.eye(4)[[3, 0, 1, 3, 2, 3]] * 20
    assert load_balancing_loss([padded], 1, mask).item() == pytest.approx(1.0, abs=1e-4)


def test_a_mixing_router_draws_in_training_and_its_gradients_are_those_of_the_shares():
    torch.manual_seed(0)
    router = SparseMixer(8, 6, tolerance=10.0).eval()  # every expert is near enough
    x = torch.randn(4000, 8)
    scores, shares, experts = router(x[:1].expand(4000, -1))
    assert (experts == scores.topk(2).indices).all()  # not in training: the best, and the best of what is left
    router.train()
    _, shares, experts = router(x[:1].expand(4000, -1))
    probabilities = scores[0].softmax(-1)
    frequencies = experts[:, 0].bincount(minlength=6) / 4000
    torch.testing.assert_close(frequencies, probabilities, atol=0.03, rtol=0)
    assert (experts[:, 0] != experts[:, 1]).all()
    best = probabilities.argmax()
    firsts = shares[:, 0] / probabilities[experts[:, 0]]
    torch.testing.assert_close(firsts[experts[:, 0] == best], torch.ones(int((experts[:, 0] == best).sum())))
    cut = (firsts[experts[:, 0] != best] < 0.5).float().mean()
    assert 0.7 < cut < 0.8
    scores, shares, experts = router(x)
    (gradient,) = torch.autograd.grad(shares[:, 0].sum(), router.weight)
    plain = torch.nn.functional.linear(x, router.weight).softmax(-1).gather(1, experts[:, :1]).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(plain, router.weight)[0])
