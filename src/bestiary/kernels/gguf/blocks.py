"""Tensors of GGUF files, block by block: bytes to numbers for every type, numbers to bytes for those that are written.

Blocks are (B, n) bytes, numbers (B, b) float32: B blocks of n bytes, each of which holds b numbers. The layouts are those of
ggml's documentation; d is a block's scale, m its minimum, q its small whole numbers.
"""

from collections.abc import Callable

import torch

from ...core.errors import ArgumentError, did_you_mean
from ...core.gguf import NUMBERS, Kind, kind_named
from . import grid_blocks, k_blocks, k_search
from .fields import float16, float32, nibbles, packed_nibbles, unsigned

Decode = Callable[[torch.Tensor], torch.Tensor]
Encode = Callable[[torch.Tensor], torch.Tensor]

PLAIN = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F64": torch.float64,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
}
CHUNK = 2**22  # numbers decoded at once, so that the intermediate tensors stay small
# The sixteen values of MXFP4's numbers, doubled, as its scale is halved.
FP4_VALUES = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)


def dequantize(raw: torch.Tensor, kind: Kind, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The numbers in `raw`, uint8 of shape (..., bytes of a row): (..., numbers of a row), of `dtype`.

    Types that are plain numbers keep their own dtype.
    """
    if kind.name in PLAIN:
        return raw.view(PLAIN[kind.name])
    rows = raw.shape[:-1]
    blocks = raw.reshape(-1, kind.nbytes)
    result = torch.empty(blocks.shape[0], kind.block, dtype=dtype, device=raw.device)
    step = max(1, CHUNK // kind.block)
    for start in range(0, len(blocks), step):
        result[start : start + step] = DECODERS[kind.name](blocks[start : start + step])
    return result.view(*rows, -1)


def quantize(tensor: torch.Tensor, kind: Kind) -> torch.Tensor:
    """The bytes of `tensor` (..., numbers of a row) as `kind` stores them: uint8 (..., bytes of a row).

    Raises:
        ArgumentError: the type is read, and not written; a row is no whole number of blocks; or numbers are too large for it.
    """
    raw = _bytes_of(tensor, kind)
    if kind.name not in ("F32", "BF16") and tensor.is_floating_point() and tensor.numel():
        largest = float(torch.stack(tensor.aminmax()).abs().max())
        too_large = torch.finfo(torch.float16).max < largest < float("inf")
        if too_large and not dequantize(raw, kind).isfinite().all():
            raise ArgumentError(
                f"numbers up to {largest:g} in absolute value do not fit {kind.name}, whose numbers or scales have 16 bits (at"
                f" most {torch.finfo(torch.float16).max:g}): write them as BF16 or F32"
            )
    return raw


def _bytes_of(tensor: torch.Tensor, kind: Kind) -> torch.Tensor:
    if kind.name in PLAIN:
        return tensor.to(PLAIN[kind.name]).contiguous().reshape(*tensor.shape, 1).view(torch.uint8).flatten(-2)
    check_written(kind.name)
    if not tensor.dim() or tensor.shape[-1] % kind.block:
        raise ArgumentError(
            f"a tensor of shape {list(tensor.shape)} has no rows that are multiples of {kind.block} ({kind.name})"
        )
    blocks = tensor.reshape(-1, kind.block)
    result = torch.empty(len(blocks), kind.nbytes, dtype=torch.uint8, device=tensor.device)
    step = max(1, CHUNK // kind.block // 16)
    for start in range(0, len(blocks), step):
        result[start : start + step] = ENCODERS[kind.name](blocks[start : start + step].float())
    return result.view(*tensor.shape[:-1], -1)


def check_written(name: str) -> Kind:
    """The type of this name, if tensors can be written in it.

    Raises:
        ArgumentError: they cannot; names those that can.
    """
    known = ["F32", "F16", "BF16", *ENCODERS]
    if name not in known:
        what = "is only read here" if name in NUMBERS else "is no type of GGUF"
        raise ArgumentError(f"{name!r:.40} {what}.{did_you_mean(name, known)} Written are {', '.join(known)}")
    return kind_named(name)


def _q4_0(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 0) * (nibbles(raw[:, 2:]) - 8)


def _q4_1(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 0) * nibbles(raw[:, 4:]) + float16(raw, 2)


def _fifth_bits(raw: torch.Tensor) -> torch.Tensor:
    """32 bits of four bytes, each as 16 where it is set."""
    shifts = torch.arange(8, dtype=torch.uint8, device=raw.device)
    return ((raw[:, :, None] >> shifts) & 1).reshape(len(raw), 32) << 4


def _q5_0(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 0) * ((nibbles(raw[:, 6:]) | _fifth_bits(raw[:, 2:6]).to(torch.int8)) - 16)


def _q5_1(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 0) * (nibbles(raw[:, 8:]) | _fifth_bits(raw[:, 4:8]).to(torch.int8)) + float16(raw, 2)


def _q8_0(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 0) * raw[:, 2:].view(torch.int8)


def _q8_k(raw: torch.Tensor) -> torch.Tensor:
    return float32(raw, 0) * raw[:, 4:260].view(torch.int8)


def _mxfp4(raw: torch.Tensor) -> torch.Tensor:
    values = torch.tensor(FP4_VALUES, dtype=torch.float32, device=raw.device)
    # Half of the power of two with the exponent e - 127, of which the two smallest have no normal number.
    exponent = raw[:, :1].to(torch.int32)
    bits = torch.where(exponent < 2, 0x00200000 << exponent.clamp(max=1), (exponent - 1).clamp(min=0) << 23)
    return bits.view(torch.float32) * values[nibbles(raw[:, 1:]).long()]


DECODERS: dict[str, Decode] = {
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q8_0": _q8_0,
    "Q8_K": _q8_k,
    "MXFP4": _mxfp4,
    **k_blocks.DECODERS,
    **grid_blocks.DECODERS,
}


def _signed_peak(x: torch.Tensor) -> torch.Tensor:
    """The number of each block that is farthest from 0, with its sign: (B, 1)."""
    return x.gather(1, x.abs().argmax(1, keepdim=True))


def _inverse(scale: torch.Tensor) -> torch.Tensor:
    return torch.where(scale == 0, torch.zeros_like(scale), 1 / scale)


def _bytes16(*scales: torch.Tensor) -> torch.Tensor:
    return torch.cat([scale.to(torch.float16).view(torch.uint8) for scale in scales], dim=1)


def _to_q4_0(x: torch.Tensor) -> torch.Tensor:
    d = _signed_peak(x) / -8
    return torch.cat([_bytes16(d), packed_nibbles(unsigned(x * _inverse(d) + 8.5, 15))], dim=1)


def _to_q4_1(x: torch.Tensor) -> torch.Tensor:
    m = x.amin(1, keepdim=True)
    d = (x.amax(1, keepdim=True) - m) / 15
    return torch.cat([_bytes16(d, m), packed_nibbles(unsigned((x - m) * _inverse(d) + 0.5, 15))], dim=1)


def _split_fifth(q: torch.Tensor) -> torch.Tensor:
    """(B, 32) numbers of five bits: the four bytes of their fifth bits, then their nibbles."""
    shifts = torch.arange(8, dtype=torch.uint8, device=q.device)
    high = ((q >> 4).reshape(len(q), 4, 8) << shifts).sum(-1, dtype=torch.uint8)
    return torch.cat([high, packed_nibbles(q & 15)], dim=1)


def _to_q5_0(x: torch.Tensor) -> torch.Tensor:
    d = _signed_peak(x) / -16
    return torch.cat([_bytes16(d), _split_fifth(unsigned(x * _inverse(d) + 16.5, 31))], dim=1)


def _to_q5_1(x: torch.Tensor) -> torch.Tensor:
    m = x.amin(1, keepdim=True)
    d = (x.amax(1, keepdim=True) - m) / 31
    return torch.cat([_bytes16(d, m), _split_fifth(unsigned((x - m) * _inverse(d) + 0.5, 31))], dim=1)


def _to_q8_0(x: torch.Tensor) -> torch.Tensor:
    d = x.abs().amax(1, keepdim=True) / 127
    scaled = x * _inverse(d)
    away = scaled.abs().floor() + (2 * (scaled.abs() - scaled.abs().floor())).floor()  # halves go away from 0
    return torch.cat([_bytes16(d), (away * scaled.sign()).to(torch.int8).view(torch.uint8)], dim=1)


ENCODERS: dict[str, Encode] = {
    "Q4_0": _to_q4_0,
    "Q4_1": _to_q4_1,
    "Q5_0": _to_q5_0,
    "Q5_1": _to_q5_1,
    "Q8_0": _to_q8_0,
    **k_search.ENCODERS,
}
