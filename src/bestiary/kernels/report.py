"""What `bestiary env --kernels` shows."""

from typing import NamedTuple

from . import blocks, byte_weights, half, int4, int8
from .choosing import best, first_choice, measured
from .compiling import cache_folder
from .measuring import INPUTS, OUTPUTS
from .native import native, why_not

KINDS = (
    int8.KIND,
    int4.KIND,
    int4.EXACT,
    blocks.KIND,
    blocks.EXACT,
    byte_weights.KIND,
    byte_weights.EXACT,
    *half.KINDS.values(),
)


class Speed(NamedTuple):
    """A kernel at a number of rows: time for a product, bytes of the weight and arithmetic in a second (10**9)."""

    kind: str
    rows: int
    kernel: str
    microseconds: float
    gigabytes: float
    gflops: float
    chosen: bool


def machine() -> dict[str, str]:
    """The C kernels as they are here, or why there are none."""
    found = native()
    if found is None:
        return {"C kernels": f"none: {why_not()}", "in their place": "torch's products"}
    return {
        "C kernels": str(found.path),
        "compiled for": found.instructions + (", AMX" if found.tiles else ""),
        "threads": "those of torch" if found.threads else "one: torch's OpenMP was not found",
        "cache": str(cache_folder()),
    }


def speeds() -> list[Speed]:
    """The speed of every kernel of every kind by rows, one thread, and which is used."""
    weights, table = OUTPUTS * INPUTS, measured(KINDS)
    return [
        Speed(
            kind.name,
            rows,
            kernel,
            seconds * 1e6,
            weights * kind.bits / 8 / seconds / 1e9,
            2 * rows * weights / seconds / 1e9,
            kernel == best(first_choice(kind.name, rows), by_kernel),
        )
        for kind in KINDS
        for rows, by_kernel in table[kind.name].items()
        for kernel, seconds in by_kernel.items()
    ]
