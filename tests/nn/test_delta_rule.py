"""The gated delta rule in chunks, against its recurrence written out."""

import pytest
import torch

from bestiary.nn.delta_rule import gated_delta_rule


@pytest.mark.parametrize("chunk", [1, 4, 7, 64])
@pytest.mark.parametrize("fading", [(), (5,)], ids=["heads fade", "channels fade"])
def test_chunks_give_what_the_recurrence_gives(chunk: int, fading: tuple[int, ...]) -> None:
    draw = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 11, 3, size, generator=draw) for size in (5, 5, 4))
    decay, rate = -torch.rand(2, 11, 3, *fading, generator=draw) * 3, torch.rand(2, 11, 3, generator=draw)
    state = first = torch.randn(2, 3, 5, 4, generator=draw)
    expected = []
    for t in range(11):
        k, q = (torch.nn.functional.normalize(each[:, t], dim=-1) for each in (key, query))
        state = state * decay[:, t].exp().reshape(2, 3, -1, 1)
        known = torch.einsum("bhkv,bhk->bhv", state, k)
        state = state + torch.einsum("bhk,bhv->bhkv", k, rate[:, t, :, None] * (value[:, t] - known))
        expected.append(torch.einsum("bhkv,bhk->bhv", state, q) * 5**-0.5)
    inputs = query, key, value, decay, rate
    output, last = gated_delta_rule(*inputs, first, chunk)
    torch.testing.assert_close(output, torch.stack(expected, dim=1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, state, rtol=1e-5, atol=1e-5)
    part = gated_delta_rule(*(each[:, :10] for each in inputs), first, chunk)[1]
    step, after = gated_delta_rule(*(each[:, 10:] for each in inputs), part, chunk)
    torch.testing.assert_close(step, output[:, 10:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(after, state, rtol=1e-5, atol=1e-5)
