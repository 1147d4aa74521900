"""The scan of Mamba 2 in chunks, against its recurrence written out."""

import pytest
import torch

from bestiary.nn.ssd import ssd_scan


@pytest.mark.parametrize("chunk", [1, 4, 7, 256])
def test_chunks_give_what_the_recurrence_gives(chunk: int) -> None:
    draw = torch.Generator().manual_seed(0)
    x, b, c = (torch.randn(2, 11, *sizes, generator=draw) for sizes in ((4, 3), (2, 5), (2, 5)))
    delta, a = torch.rand(2, 11, 4, generator=draw) * 3, -torch.tensor([0.1, 1.0, 8.0, 128.0])
    state = first = torch.randn(2, 4, 3, 5, generator=draw)
    expected = []
    for t in range(11):
        of_heads = [each[:, t].repeat_interleave(2, dim=1) for each in (b, c)]
        drive = (delta[:, t, :, None] * x[:, t]).unsqueeze(-1) * of_heads[0].unsqueeze(2)
        state = (delta[:, t] * a).exp()[..., None, None] * state + drive
        expected.append((state * of_heads[1].unsqueeze(2)).sum(-1))
    y, last = ssd_scan(x, delta, a, b, c, first, chunk)
    torch.testing.assert_close(y, torch.stack(expected, dim=1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last, state, rtol=1e-5, atol=1e-5)
    parts = ssd_scan(x[:, :10], delta[:, :10], a, b[:, :10], c[:, :10], first, chunk)[1]
    step, after = ssd_scan(x[:, 10:], delta[:, 10:], a, b[:, 10:], c[:, 10:], parts, chunk)
    torch.testing.assert_close(step, y[:, 10:], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(after, state, rtol=1e-5, atol=1e-5)
