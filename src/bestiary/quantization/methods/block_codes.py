"""Numbers as codes of 4 and 8 bits in blocks that share a scale (Dettmers et al. 2021, 8-bit optimizers; 2023, QLoRA)."""

from functools import cache

import torch
from torch import Tensor

_AT_ONCE = 2**18  # numbers quantized at a time, whole blocks
_SHARES = (1.0, 0.95, 0.9, 0.85)  # of the largest number of a block, which is cut off where others gain more

TABLES: dict[str, tuple[float, ...]] = {
    # NormalFloat (Dettmers et al. 2023, appendix E): each is the mean of as much of a normal distribution.
    "nf4": (
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ),
    # A bit for the sign, two for the exponent, one for the mantissa, by twelfths; 1/192 is the one without an exponent.
    "fp4": tuple(
        sign * size + 0.0 for sign in (1.0, -1.0) for size in (0.0, 1 / 192, 8 / 12, 1.0, 4 / 12, 6 / 12, 2 / 12, 3 / 12)
    ),
    "int4": tuple((code - 8) / 8 for code in range(16)),
}
"""Name -> the 16 numbers that codes stand for; each block is a scale times these."""


def table(kind: str, device: torch.device | str = "cpu") -> Tensor:
    """The 16 numbers of `TABLES`, float32."""
    return torch.tensor(TABLES[kind], dtype=torch.float32, device=device)


def nearest(values: Tensor, table: Tensor) -> Tensor:
    """The code, uint8, of the entry of `table` next to each of `values`; of two equally near the lower."""
    order = table.argsort(stable=True)
    steps = table[order]
    ranks = torch.bucketize(values, (steps[1:] + steps[:-1]) / 2, out_int32=True)
    return order.to(torch.uint8)[ranks]


def blocks_of(numbers: Tensor, size: int) -> Tensor:
    """Numbers (n,) as blocks (n / size, size), the last one filled up by zeros."""
    return torch.nn.functional.pad(numbers, (0, -len(numbers) % size)).view(-1, size)


def in_4_bits(weight: Tensor, kind: str, size: int) -> tuple[Tensor, Tensor]:
    """Codes (n,), uint8, of the numbers of a weight in order, and a scale, float32, for each block of `size` of them.

    The scale is the largest absolute value; of "int4" a number with the sign that makes the largest the lowest code, so that
    all 16 codes are used, and of the size, at most that of the largest (`_SHARES`), by which the squared error is least.
    """
    flat, entries = weight.detach().flatten(), table(kind, weight.device)
    codes = torch.empty(len(flat), dtype=torch.uint8, device=weight.device)
    scales = []
    step = max(1, _AT_ONCE // size) * size
    for start in range(0, len(flat), step):
        numbers = flat[start : start + step].float()
        blocks = blocks_of(numbers, size)
        largest = blocks.abs().amax(dim=1)
        if kind == "int4":
            largest = _best_scales(blocks, -blocks.gather(1, blocks.abs().argmax(dim=1, keepdim=True)).flatten())
        factors = (1 / largest).masked_fill(largest == 0, 0.0)
        scaled = (blocks * factors.unsqueeze(1)).clamp_(-1.0, 1.0)
        codes[start : start + step] = nearest(scaled, entries).flatten()[: len(numbers)]
        scales.append(largest)
    return codes, torch.cat(scales) if scales else torch.empty(0, device=weight.device)


def _best_scales(blocks: Tensor, largest: Tensor) -> Tensor:
    """Of the `_SHARES` of `largest` (n,) the scale by which the steps of "int4" are nearest to each of `blocks` (n, size)."""
    best, least = largest, torch.full_like(largest, torch.inf)
    for share in _SHARES:
        steps = (largest * (share / 8)).unsqueeze(1)
        error = (blocks / steps).round_().clamp_(-8, 7).mul_(steps).sub_(blocks).square_().sum(dim=1)
        best, least = torch.where(error < least, largest * share, best), torch.minimum(error, least)
    return best


def packed(codes: Tensor) -> Tensor:
    """Codes (n,) two by two in bytes (ceil(n / 2), 1), the first in the upper half."""
    even = torch.nn.functional.pad(codes, (0, len(codes) % 2)).view(-1, 2)
    return (even[:, :1] << 4) | even[:, 1:]


def unpacked(data: Tensor, count: int) -> Tensor:
    """The first `count` codes of bytes: the inverse of `packed`."""
    data = data.flatten()
    return torch.stack((data >> 4, data & 15), dim=1).flatten()[:count]


@cache
def dynamic_map() -> Tensor:
    """256 numbers in [-1, 1], float32, ascending, whose steps grow with their size (Dettmers et al. 2021, section 1.2).

    With each of seven powers of ten come twice as many fractions as with the one below it.
    """
    values = [0.0, 1.0]
    for exponent in range(7):
        edges = torch.linspace(0.1, 1, 2**exponent + 1, dtype=torch.float32)
        means = 10.0 ** (exponent - 6) * ((edges[:-1] + edges[1:]) / 2)
        values += means.tolist() + (-means).tolist()
    return torch.tensor(sorted(values), dtype=torch.float32)


_GRID = 65535


def in_8_bits(numbers: Tensor, size: int, entries: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (n,), uint8, into a map of 256, and the largest absolute value of each block of `size` numbers.

    Numbers are rounded to a grid of 65,536 points first, as bitsandbytes does.
    """
    blocks = blocks_of(numbers, size)
    largest = blocks.abs().amax(dim=1)
    scaled = blocks * (1 / largest).masked_fill(largest == 0, 0.0).unsqueeze(1)
    points = ((scaled + 1) * (_GRID / 2) + 0.5).floor().nan_to_num(0).int()  # what is no number has a scale that is none
    grid = 2 * torch.arange(_GRID + 1, dtype=torch.float32, device=numbers.device) / _GRID - 1
    codes = nearest(grid, entries)[points]
    return codes.flatten()[: len(numbers)], largest
