"""Writing the k-quants: a search for the scales of each sub-block, which are then quantized themselves.

Of a sub-block several ways to cut its range into steps are tried; each gives whole numbers, for which the best scale (and
minimum) follow by weighted least squares. The one with the smallest weighted error is kept. Numbers far from 0 weigh more.
"""

from collections.abc import Callable

import torch

from .fields import packed

# How much finer or coarser than the range of the sub-block a step may be, in numbers of steps.
_RANGES = tuple(0.25 * step for step in range(-4, 9))
_PEAKS = tuple(0.15 * step for step in range(-6, 7))
_PARTS = 8
_SUB_BLOCK = 32


def _ratio(above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
    """The quotient, 0 where its denominator is."""
    return torch.where(below == 0, torch.zeros_like(above), above / torch.where(below == 0, torch.ones_like(below), below))


def _affine(x: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and minimum, (N, 1) each and the latter from 0 on, with which q scale - minimum, q up to `steps`, is nearest x."""
    weights = x.square().mean(1, keepdim=True).sqrt() + x.abs()
    low, high = x.amin(1, keepdim=True).clamp(max=0), x.amax(1, keepdim=True)
    total, sum_x = weights.sum(1, keepdim=True), (weights * x).sum(1, keepdim=True)
    best_scale, best_low = (high - low) / steps, low
    best = torch.full_like(low, torch.inf)
    for extra in _RANGES:
        q = ((x - low) * _ratio(torch.full_like(low, steps + extra), high - low)).round().clamp(0, steps)
        weighted = weights * q
        sum_q, sum_qq = weighted.sum(1, keepdim=True), (weighted * q).sum(1, keepdim=True)
        sum_qx = (weighted * x).sum(1, keepdim=True)
        scale = _ratio(total * sum_qx - sum_x * sum_q, total * sum_qq - sum_q * sum_q)
        offset = (sum_x - scale * sum_q) / total.clamp(min=1e-30)
        above = offset > 0  # a minimum above 0 cannot be stored
        scale = torch.where(above, _ratio(sum_qx, sum_qq), scale)
        offset = torch.where(above, torch.zeros_like(offset), offset)
        error = (weights * (q * scale + offset - x).square()).sum(1, keepdim=True)
        better = (error < best) & (scale > 0)
        best, best_scale = torch.where(better, error, best), torch.where(better, scale, best_scale)
        best_low = torch.where(better, offset, best_low)
    return best_scale, -best_low


def _symmetric(x: torch.Tensor, half: int) -> torch.Tensor:
    """The scale (N, 1), of either sign, with which q scale, q from -`half` up to `half` - 1, is nearest x."""
    peak = x.gather(1, x.abs().argmax(1, keepdim=True))
    weights = x.square()
    best_scale, best = _ratio(peak, torch.full_like(peak, -half)), torch.zeros_like(peak)
    for extra in _PEAKS:
        q = (x * _ratio(torch.full_like(peak, -(half + extra)), peak)).round().clamp(-half, half - 1)
        weighted = weights * q
        sum_qx, sum_qq = (weighted * x).sum(1, keepdim=True), (weighted * q).sum(1, keepdim=True)
        gain = _ratio(sum_qx * sum_qx, sum_qq)  # how much of the weighted squares the best scale explains
        better = gain > best
        best, best_scale = torch.where(better, gain, best), torch.where(better, _ratio(sum_qx, sum_qq), best_scale)
    return best_scale


def _as_half(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales (B, 1) as they are stored, and their two bytes (B, 2)."""
    stored = values.to(torch.float16)
    return stored.float(), stored.view(torch.uint8)


def _pack_scales(scales: torch.Tensor, minima: torch.Tensor) -> torch.Tensor:
    """Eight scales and minima of six bits, (B, 8) bytes each, as 12 bytes; see `k_blocks.scales_and_minima`."""
    first = scales[:, :4] | (scales[:, 4:] >> 4) << 6
    second = minima[:, :4] | (minima[:, 4:] >> 4) << 6
    return torch.cat([first, second, (scales[:, 4:] & 15) | (minima[:, 4:] & 15) << 4], dim=1)


def _with_minima(x: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The 16 bytes of scales of each block (B, 16), and its numbers (B, 256) as bytes."""
    parts = x.view(-1, _SUB_BLOCK)
    scales, minima = (each.view(-1, _PARTS) for each in _affine(parts, steps))
    d, d_bytes = _as_half(scales.amax(1, keepdim=True) / 63)
    m, m_bytes = _as_half(minima.amax(1, keepdim=True) / 63)
    small = (_ratio(scales, d.expand_as(scales)).round().clamp(0, 63)).to(torch.uint8)
    low = (_ratio(minima, m.expand_as(minima)).round().clamp(0, 63)).to(torch.uint8)
    scale, offset = (d * small).view(-1, 1), (m * low).view(-1, 1)
    q = _ratio(parts + offset, scale.expand_as(parts)).round().clamp(0, steps).to(torch.uint8).view(len(x), -1)
    return torch.cat([d_bytes, m_bytes, _pack_scales(small, low)], dim=1), q


def _to_q4_k(x: torch.Tensor) -> torch.Tensor:
    scales, q = _with_minima(x, 15)
    return torch.cat([scales, packed(q, 4, 32)], dim=1)


def _to_q5_k(x: torch.Tensor) -> torch.Tensor:
    scales, q = _with_minima(x, 31)
    return torch.cat([scales, packed(q >> 4, 1, 32), packed(q & 15, 4, 32)], dim=1)


def _to_q6_k(x: torch.Tensor) -> torch.Tensor:
    parts = x.view(-1, 16)
    scales = _symmetric(parts, 32).view(-1, 16)
    peak = scales.gather(1, scales.abs().argmax(1, keepdim=True))
    d, d_bytes = _as_half(peak / -128)
    small = _ratio(scales, d.expand_as(scales)).round().clamp(-128, 127).to(torch.int8)
    scale = (d * small).view(-1, 1)
    q = _ratio(parts, scale.expand_as(parts)).round().clamp(-32, 31).add(32).to(torch.uint8).view(len(x), -1)
    return torch.cat([packed(q & 15, 4, 64), packed(q >> 4, 2, 32), small.view(torch.uint8), d_bytes], dim=1)


ENCODERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"Q4_K": _to_q4_k, "Q5_K": _to_q5_k, "Q6_K": _to_q6_k}
