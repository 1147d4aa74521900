"""How fast each kernel is on this machine."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .choosing import ROWS, first_choice
from .half import widened
from .int4 import Int4Weight
from .int8 import Int8Weight
from .native import Native, native

OUTPUTS = INPUTS = 2048
# Together larger than the caches near a core.
_COPIES = 4
_REPETITIONS = 3
# A kernel that is slower by this factor at some number of rows is not tried with more.
_HOPELESS = 8.0
# Seconds of a processor after which no more rows are tried.
_BUDGET = 0.3

Run = Callable[[Tensor], Tensor]


class Kind(NamedTuple):
    """What is measured of one kind of weight.

    dtype: of the input. bits: of a weight, with its share of the scales. kernels: the names of the kernels.
    """

    dtype: torch.dtype
    bits: float
    kernels: tuple[str, ...]


KINDS = {
    "int8": Kind(torch.float32, 8, ("vectors", "tiles")),
    "int4": Kind(torch.bfloat16, 4.25, ("vectors", "tiles", "dequantized")),
    "int4 exact": Kind(torch.float32, 4.25, ("vectors", "tiles", "dequantized")),
    "bfloat16": Kind(torch.bfloat16, 16, ("vectors", "torch", "widened")),
    "float16": Kind(torch.float16, 16, ("vectors", "torch", "widened")),
}


def kernels_of(kind: str) -> tuple[str, ...]:
    """The kernels of a kind that this machine has."""
    kernels = native()
    missing = {"vectors", "tiles", "dequantized"} if kernels is None else set() if kernels.tiles else {"tiles"}
    return tuple(name for name in KINDS[kind].kernels if name not in missing) or ("torch",)


def _products(kind: str, kernels: Native | None) -> dict[str, list[Run]]:
    """For each kernel the products with several weights."""
    generator = torch.Generator().manual_seed(0)
    dtype = KINDS[kind].dtype
    found: dict[str, list[Run]] = {name: [] for name in kernels_of(kind)}
    half = torch.randn(OUTPUTS, INPUTS, generator=generator).to(dtype)
    for _ in range(_COPIES):
        if kind in ("bfloat16", "float16"):
            for name, run in _of_halves(half.clone(), kernels).items():
                if name in found:
                    found[name].append(run)
            continue
        weight = _quantized(kind, generator)
        for name in found:
            found[name].append(partial(weight.linear_by, name))
    return found


def _quantized(kind: str, generator: torch.Generator) -> Int8Weight | Int4Weight:
    if kind == "int8":
        codes = torch.randint(-127, 128, (OUTPUTS, INPUTS), dtype=torch.int8, generator=generator)
        return Int8Weight.pack(codes, torch.rand(OUTPUTS, generator=generator))
    codes = torch.randint(0, 16, (OUTPUTS, INPUTS), dtype=torch.uint8, generator=generator)
    scales = torch.rand(OUTPUTS, INPUTS // 64, generator=generator).half()
    return Int4Weight.pack(codes, torch.randn(16, generator=generator), scales)


def _of_halves(weight: Tensor, kernels: Native | None) -> dict[str, Run]:
    runs: dict[str, Run] = {
        "torch": lambda x: F.linear(x, weight),
        "widened": lambda x: widened(x, weight, None),
    }
    if kernels is not None:
        runs["vectors"] = lambda x: kernels.half_linear(x, weight, None)
    return runs


def measure(kind: str) -> dict[int, dict[str, float]]:
    """Seconds of a product with a matrix of `OUTPUTS` x `INPUTS`, by rows and kernel: the best of a few, taken in turns.

    One thread computes, and its own time counts: what else runs on the machine matters little.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return _measure(kind, native())
    finally:
        torch.set_num_threads(threads)


def _measure(kind: str, kernels: Native | None) -> dict[int, dict[str, float]]:
    products, begun = _products(kind, kernels), time.thread_time()
    speeds: dict[int, dict[str, float]] = {}
    for rows in ROWS:
        x = torch.randn(rows, INPUTS).to(KINDS[kind].dtype)
        speeds[rows] = _in_turns(x, products)
        if time.thread_time() - begun > _BUDGET:
            break
        quickest = min(speeds[rows].values())
        first = first_choice(kind, rows, kernels)
        for name, seconds in speeds[rows].items():
            if seconds > _HOPELESS * quickest and name != first:
                products.pop(name)
    return speeds


def _in_turns(x: Tensor, products: dict[str, list[Run]]) -> dict[str, float]:
    """The best time of each kernel, in seconds for one product."""
    best = dict.fromkeys(products, float("inf"))
    for _ in range(_REPETITIONS):
        for name, runs in products.items():
            used: Sequence[Run] = runs if len(x) <= 4 else runs[:1]
            begun = time.thread_time()
            for run in used:
                run(x)
            best[name] = min(best[name], (time.thread_time() - begun) / len(used))
    return best
