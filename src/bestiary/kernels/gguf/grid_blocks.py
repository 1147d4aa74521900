"""Decoders of the types whose numbers are looked up: IQ4's sixteen values, and the grids of IQ1, IQ2 and IQ3.

A grid is a codebook: an index of 8 to 11 bits stands for 4 or 8 numbers at once. `grids.json` holds the codebooks, which are
part of the format: for each the values that its numbers take, how many one entry has, and the entries as indices of these
values, packed little-endian into whole bytes and written in hexadecimal.
"""

import json
from functools import cache
from pathlib import Path

import torch

from .fields import float16, nibbles, shifted, word

IQ4_VALUES = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
DELTA = 0.125  # what all numbers of an IQ1 group are moved by, up or down


@cache
def _grid(name: str) -> torch.Tensor:
    """The codebook of a type: (entries, numbers of an entry) float32."""
    entry = json.loads((Path(__file__).with_name("grids.json")).read_text(encoding="ascii"))[name]
    raw = torch.frombuffer(bytearray.fromhex(entry["entries"]), dtype=torch.uint8)
    bits = 2 if len(entry["values"]) <= 4 else 4
    indices = (raw[:, None] >> torch.arange(0, 8, bits, dtype=torch.uint8)) & (2**bits - 1)
    return torch.tensor(entry["values"], dtype=torch.float32)[indices.flatten().long()].view(-1, entry["width"])


def _looked_up(name: str, index: torch.Tensor) -> torch.Tensor:
    """(B, n) indices to (B, n, numbers of an entry)."""
    return _grid(name).to(index.device)[index.long()]


def _signs(bits: torch.Tensor) -> torch.Tensor:
    """(B, n) bytes to (B, n * 8) of 1, or -1 where the bit is set."""
    shifts = torch.arange(8, device=bits.device)
    return (1 - 2 * ((bits[:, :, None] >> shifts) & 1)).reshape(len(bits), -1)


def _even(seven: torch.Tensor) -> torch.Tensor:
    """Seven signs with the eighth, which makes the number of negative ones even."""
    folded = seven ^ seven >> 4
    folded = folded ^ folded >> 2
    return seven | ((folded ^ folded >> 1) & 1) << 7


def _scaled(scales: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`values`, (B, 256) in any shape, times the scale (B, s) of each of s equal parts of them."""
    return (scales[:, :, None] * values.reshape(len(scales), scales.shape[1], -1)).reshape(len(scales), -1)


def _iq4(q: torch.Tensor) -> torch.Tensor:
    return torch.tensor(IQ4_VALUES, dtype=torch.float32, device=q.device)[q.long()]


def _iq4_nl(raw: torch.Tensor) -> torch.Tensor:
    return float16(raw, 0) * _iq4(nibbles(raw[:, 2:]))


def _iq4_xs(raw: torch.Tensor) -> torch.Tensor:
    low = shifted(raw[:, 4:8], 4, 1)
    high = (word(raw, 2, 1, 2) >> torch.arange(0, 16, 2, device=raw.device)) & 3
    return _scaled(float16(raw, 0) * ((low | high << 4) - 32), _iq4(shifted(raw[:, 8:], 4, 16)))


def _four_signs(words: torch.Tensor) -> torch.Tensor:
    """The signs of 32 numbers in the low 28 bits of each word: (B, 8) to (B, 256)."""
    parts = (words[:, :, None] >> torch.arange(0, 28, 7, device=words.device)) & 127
    return _signs(_even(parts.reshape(len(words), -1)))


def _iq2_xxs(raw: torch.Tensor) -> torch.Tensor:
    words = word(raw, 2, 16, 4).view(-1, 8, 2)
    index = raw[:, 2:].reshape(-1, 8, 8)[:, :, :4].reshape(len(raw), 32)
    scales = float16(raw, 0) * (0.5 + (words[..., 1] >> 28)) * 0.25
    return _scaled(scales, _looked_up("IQ2_XXS", index)) * _four_signs(words[..., 1])


def _iq2_xs(raw: torch.Tensor) -> torch.Tensor:
    q = word(raw, 2, 32, 2)
    scales = float16(raw, 0) * (0.5 + shifted(raw[:, 66:74], 4, 1)) * 0.25
    return _scaled(scales, _looked_up("IQ2_XS", q & 511)) * _signs(_even(q >> 9))


def _iq2_s(raw: torch.Tensor) -> torch.Tensor:
    index = raw[:, 2:34].long() | shifted(raw[:, 66:74], 2, 1).long() << 8
    scales = float16(raw, 0) * (0.5 + shifted(raw[:, 74:82], 4, 1)) * 0.25
    return _scaled(scales, _looked_up("IQ2_S", index)) * _signs(raw[:, 34:66].long())


def _iq3_xxs(raw: torch.Tensor) -> torch.Tensor:
    words = word(raw, 66, 8, 4)
    scales = float16(raw, 0) * (0.5 + (words >> 28)) * 0.5
    return _scaled(scales, _looked_up("IQ3_XXS", raw[:, 2:66])) * _four_signs(words)


def _iq3_s(raw: torch.Tensor) -> torch.Tensor:
    index = raw[:, 2:66].long() | shifted(raw[:, 66:74], 1, 1).long() << 8
    scales = float16(raw, 0) * (1 + 2 * shifted(raw[:, 106:110], 4, 1))
    return _scaled(scales, _looked_up("IQ3_S", index)) * _signs(raw[:, 74:106].long())


def _moved(grid: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Entries (B, 32, 8) moved by `DELTA`, downwards where `down` (B, 32) is not 0."""
    return grid + torch.where(down[:, :, None] != 0, -DELTA, DELTA)


def _iq1_s(raw: torch.Tensor) -> torch.Tensor:
    high = word(raw, 34, 8, 2)
    parts = ((high[:, :, None] >> torch.arange(0, 12, 3, device=raw.device)) & 7).reshape(len(raw), 32)
    values = _moved(_looked_up("IQ1_S", raw[:, 2:34].long() | parts << 8), (high & 0x8000).repeat_interleave(4, 1))
    return _scaled(float16(raw, 0) * (2 * (high >> 12 & 7) + 1), values)


def _iq1_m(raw: torch.Tensor) -> torch.Tensor:
    words = word(raw, 48, 4, 2)
    d = ((words & 0xF000) >> torch.tensor([12, 8, 4, 0], device=raw.device)).sum(1, keepdim=True)
    scale = d.to(torch.int32).to(torch.int16).view(torch.float16).float()
    sub = ((words[:, :, None] >> torch.arange(0, 12, 3, device=raw.device)) & 7).reshape(len(raw), 16)
    high = shifted(raw[:, 32:48], 4, 1).long()
    values = _moved(_looked_up("IQ1_S", raw[:, :32].long() | (high & 7) << 8), high & 8)
    return _scaled(scale * (2 * sub + 1), values)


DECODERS = {
    "IQ4_NL": _iq4_nl,
    "IQ4_XS": _iq4_xs,
    "IQ2_XXS": _iq2_xxs,
    "IQ2_XS": _iq2_xs,
    "IQ2_S": _iq2_s,
    "IQ3_XXS": _iq3_xxs,
    "IQ3_S": _iq3_s,
    "IQ1_S": _iq1_s,
    "IQ1_M": _iq1_m,
}
