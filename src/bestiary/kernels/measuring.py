"""How fast each kernel is on this machine."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .native import native

OUTPUTS = INPUTS = 2048
# The numbers of rows that are measured; between two the lower one speaks.
ROWS = (1, 4, 8, 16, 64, 256)
# Together larger than the caches near a core.
_COPIES = 4
_REPETITIONS = 3
# A kernel that is slower by this factor at some number of rows is not tried with more.
_HOPELESS = 8.0
# Seconds of a processor after which each kernel is tried once with the rows that are left.
_BUDGET = 0.3

Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Kind:
    """Products of one kind of weight.

    dtype: of the input. bits: of a weight, with its share of the scales. kernels: the names of the kernels.
    example: one weight (`OUTPUTS`, `INPUTS`), as the product with it by each kernel of these names.
    """

    name: str
    dtype: torch.dtype
    bits: float
    kernels: tuple[str, ...]
    example: Callable[[Iterable[str]], dict[str, Product]]

    def here(self) -> tuple[str, ...]:
        """The kernels that this machine has."""
        kernels = native()
        missing = {"vectors", "tiles", "dequantized"} if kernels is None else set() if kernels.tiles else {"tiles"}
        return tuple(name for name in self.kernels if name not in missing) or ("torch",)


def measure(kind: Kind, first_choice: Callable[[str, int], str]) -> dict[int, dict[str, float]]:
    """Seconds of a product by rows and kernel: the best of a few, taken in turns; `first_choice` is always among them.

    One thread computes, and its own time counts: what else runs on the machine matters little.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return _measure(kind, first_choice)
    finally:
        torch.set_num_threads(threads)


def _measure(kind: Kind, first_choice: Callable[[str, int], str]) -> dict[int, dict[str, float]]:
    examples = [kind.example(kind.here()) for _ in range(_COPIES)]
    products = {name: [example[name] for example in examples] for name in kind.here()}
    speeds: dict[int, dict[str, float]] = {}
    begun = time.thread_time()
    for rows in ROWS:
        x = torch.randn(rows, INPUTS).to(kind.dtype)
        speeds[rows] = _in_turns(x, products, _REPETITIONS if time.thread_time() - begun < _BUDGET else 1)
        quickest = min(speeds[rows].values())
        for name, seconds in speeds[rows].items():
            if seconds > _HOPELESS * quickest and name != first_choice(kind.name, rows):
                products.pop(name)
    return speeds


def _in_turns(x: Tensor, products: dict[str, list[Product]], repetitions: int) -> dict[str, float]:
    """The best time of each kernel, in seconds for one product."""
    best = dict.fromkeys(products, float("inf"))
    for _ in range(repetitions):
        for name, each in products.items():
            used: Sequence[Product] = each if len(x) <= 4 else each[:1]
            begun = time.thread_time()
            for product in used:
                product(x)
            best[name] = min(best[name], (time.thread_time() - begun) / len(used))
    return best
