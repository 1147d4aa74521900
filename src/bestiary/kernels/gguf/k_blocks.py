"""Decoders of the k-quants: super-blocks of 256 numbers with scales of their sub-blocks, which are quantized themselves."""

import torch

from .fields import float16, shifted


def _two_bits(raw: torch.Tensor, start: int) -> torch.Tensor:
    """The 256 two-bit numbers of 64 bytes."""
    return shifted(raw[:, start : start + 64], 2, 32)


def _of_sub_blocks(values: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """`q` (B, 256), cut into as many sub-blocks as `values` (B, s) has, times the value of each."""
    return (values[:, :, None] * q.view(len(q), values.shape[1], -1)).view(len(q), -1)


def _q2_k(raw: torch.Tensor) -> torch.Tensor:
    scales, minima = float16(raw, 80) * (raw[:, :16] & 15), float16(raw, 82) * (raw[:, :16] >> 4)
    return _of_sub_blocks(scales, _two_bits(raw, 16)) - minima.repeat_interleave(16, 1)


def _q3_k(raw: torch.Tensor) -> torch.Tensor:
    low, high = shifted(raw[:, 96:104], 4, 8), shifted(raw[:, 104:108], 2, 4)
    scales = (low | high << 4) - 32
    lowered = shifted(raw[:, :32], 1, 32) ^ 1  # the third bit, where it is absent
    return _of_sub_blocks(float16(raw, 108) * scales, _two_bits(raw, 32) - (lowered << 2))


def scales_and_minima(raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight scales and eight minima of six bits each out of 12 bytes: the first four of both whole, the others in two parts."""
    first, second, third = raw[:, :4], raw[:, 4:8], raw[:, 8:12]
    scales = torch.cat([first & 63, (third & 15) | (first >> 6 << 4)], dim=1)
    minima = torch.cat([second & 63, (third >> 4) | (second >> 6 << 4)], dim=1)
    return scales, minima


def _with_minima(raw: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    scales, minima = scales_and_minima(raw[:, 4:16])
    return _of_sub_blocks(float16(raw, 0) * scales, q) - (float16(raw, 2) * minima).repeat_interleave(32, 1)


def _q4_k(raw: torch.Tensor) -> torch.Tensor:
    return _with_minima(raw, shifted(raw[:, 16:], 4, 32))


def _q5_k(raw: torch.Tensor) -> torch.Tensor:
    return _with_minima(raw, shifted(raw[:, 48:], 4, 32) | shifted(raw[:, 16:48], 1, 32) << 4)


def _q6_k(raw: torch.Tensor) -> torch.Tensor:
    q = (shifted(raw[:, :128], 4, 64) | shifted(raw[:, 128:192], 2, 32) << 4) - 32
    return _of_sub_blocks(float16(raw, 208) * raw[:, 192:208].view(torch.int8), q)


def _tq1_0(raw: torch.Tensor) -> torch.Tensor:
    parts = []
    for start, end, count in ((0, 32, 5), (32, 48, 5), (48, 52, 4)):
        powers = torch.tensor([3**each for each in range(count)], dtype=torch.uint8, device=raw.device)
        parts.append((raw[:, start:end][:, None] * powers[:, None]).reshape(len(raw), -1))
    q = (torch.cat(parts, 1).to(torch.int16) * 3 >> 8).to(torch.int8) - 1
    return float16(raw, 52) * q


def _tq2_0(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 64) * (shifted(raw[:, :64], 2, 32) - 1)


DECODERS = {
    "Q2_K": _q2_k,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "TQ1_0": _tq1_0,
    "TQ2_0": _tq2_0,
}
