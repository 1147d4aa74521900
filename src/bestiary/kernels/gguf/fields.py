"""The fields of GGUF's blocks: scales, and small whole numbers of which several lie in one byte."""

import torch


def float16(raw: torch.Tensor, start: int) -> torch.Tensor:
    """The half-precision number at byte `start` of each block, as (B, 1) float32."""
    return raw[:, start : start + 2].contiguous().view(torch.float16).float()


def float32(raw: torch.Tensor, start: int) -> torch.Tensor:
    """The number at byte `start` of each block: (B, 1)."""
    return raw[:, start : start + 4].contiguous().view(torch.float32)


def word(raw: torch.Tensor, start: int, count: int, width: int) -> torch.Tensor:
    """`count` little-endian whole numbers of `width` bytes from byte `start`: (B, count) int64, from 0 on."""
    data = raw[:, start : start + count * width].reshape(len(raw), count, width).long()
    places: torch.Tensor = data << torch.arange(0, 8 * width, 8, device=raw.device)
    return places.sum(-1)


def shifted(raw: torch.Tensor, bits: int, width: int) -> torch.Tensor:
    """Bytes of which each holds 8 / `bits` numbers: (B, n) to (B, n * 8 / bits) int8.

    Each `width` bytes give first the lowest numbers of all of them, then the next ones.
    """
    shifts = torch.arange(0, 8, bits, dtype=torch.uint8, device=raw.device)
    parts: torch.Tensor = (raw.reshape(len(raw), -1, 1, width) >> shifts[None, None, :, None]) & (2**bits - 1)
    return parts.to(torch.int8).reshape(len(raw), -1)


def packed(q: torch.Tensor, bits: int, width: int) -> torch.Tensor:
    """The inverse of `shifted`: whole numbers (B, m) to bytes (B, m * bits / 8)."""
    shifts = torch.arange(0, 8, bits, dtype=torch.uint8, device=q.device)
    parts = q.to(torch.uint8).reshape(len(q), -1, 8 // bits, width) << shifts[None, None, :, None]
    packed_bytes: torch.Tensor = parts.sum(2, dtype=torch.uint8)
    return packed_bytes.reshape(len(q), -1)


def nibbles(raw: torch.Tensor) -> torch.Tensor:
    """16 bytes as 32 numbers of four bits: first all the low ones, then all the high ones."""
    return shifted(raw, 4, raw.shape[1])


def packed_nibbles(q: torch.Tensor) -> torch.Tensor:
    """The inverse of `nibbles`."""
    return packed(q, 4, q.shape[1] // 2)


def unsigned(x: torch.Tensor, largest: int) -> torch.Tensor:
    """The whole part of each number, within 0 and `largest`, as bytes."""
    return x.trunc().clamp(0, largest).to(torch.uint8)
