"""Which kernel computes a product of so many rows: what is fastest on this machine as measured once, else a fixed order.

What was measured is kept beside the compiled kernels, for the processor and the release of torch.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import torch

from ..core.errors import SaveError
from ..core.files import write_json
from . import measuring
from .compiling import NoKernels, check_own, own_folder, processor
from .measuring import Kind
from .native import native

# A matrix of fewer weights starts no measurement.
_LARGE = 1 << 18
# A kernel takes the place of the one that comes first by the fixed order where it needs at most this share of its time.
_CLEARLY = 0.9
_chosen: dict[str, list[str]] = {}

# Seconds by kind, rows and kernel.
Speeds = dict[str, dict[int, dict[str, float]]]


def first_choice(kind: str, rows: int) -> str:
    """The kernel for the kind of this name where nothing was measured."""
    kernels = native()
    if kind in ("bfloat16", "float16"):
        if kernels is not None and rows <= 4:
            return "vectors"
        if torch_has(kind) or rows <= 4:
            return "torch"
        return "vectors" if kernels is not None and rows <= 8 else "widened"
    if kernels is None:
        return "torch"
    if kind.startswith("bytes"):
        return "vectors" if rows <= 8 else "dequantized"
    if kernels.tiles and rows >= {"int8": 5, "int4": 16, "int4 exact": 32, "blocks": 8, "blocks exact": 12}[kind]:
        return "tiles"
    whole = kind == "int8" or (kernels.instructions.startswith("AVX512") and not kind.startswith("blocks"))
    return "vectors" if whole or rows < 32 else "dequantized"


@cache
def torch_has(kind: str) -> bool:
    """Whether torch multiplies in this dtype of 16 bits by instructions for it."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported") if kind == "bfloat16" else ("_is_amx_fp16_supported",)
    return any(getattr(torch.cpu, name, bool)() for name in names)


def choose(kind: Kind, rows: int, weights: int) -> str:
    """The kernel for a product of `rows` rows with a matrix of so many weights.

    The first large matrix of a kind has its kernels measured (well under a second), unless this was done before or the
    environment says no.
    """
    if weights < _LARGE:
        return first_choice(kind.name, rows)
    table = _chosen.get(kind.name) or _table(kind)
    return table[min(rows, len(table) - 1)]


def _table(kind: Kind) -> list[str]:
    """The kernel for each number of rows up to the largest that is measured."""
    speeds: Mapping[int, Mapping[str, float]] = {} if switched_off() else measured([kind])[kind.name]
    table = []
    for rows in range(measuring.ROWS[-1] + 1):
        # Between two numbers of rows that were measured the lower one speaks.
        nearest = max((number for number in speeds if number <= max(rows, 1)), default=0)
        table.append(best(first_choice(kind.name, nearest or rows), speeds.get(nearest, {})))
    _chosen[kind.name] = table
    return table


def measured(kinds: Iterable[Kind]) -> Speeds:
    """The speeds of these kinds on this machine, those that are not in the cache measured now."""
    speeds = stored_speeds()
    missing = [kind for kind in kinds if kind.name not in speeds]
    for kind in missing:
        speeds[kind.name] = measuring.measure(kind, first_choice)
    if missing:
        _store(speeds)
    return speeds


def best(first: str, seconds: Mapping[str, float]) -> str:
    """The kernel that is clearly faster than `first`, else that."""
    if first not in seconds:
        return first
    fastest = min(seconds, key=lambda kernel: seconds[kernel])
    return fastest if seconds[fastest] <= _CLEARLY * seconds[first] else first


def switched_off() -> bool:
    """Whether the environment says that nothing is to be measured."""
    return os.environ.get("BESTIARY_MEASURE_KERNELS", "").lower() in ("0", "no", "off", "false")


def _file() -> Any:
    kernels = native()
    machine = processor(), torch.__version__, kernels.path.name if kernels else "", torch.backends.cpu.get_cpu_capability()
    digest = hashlib.sha256(repr(machine).encode()).hexdigest()[:20]
    return own_folder() / f"speeds-{digest}.json"


def stored_speeds() -> Speeds:
    """What was measured on this machine; empty where nothing was, or where it cannot be read."""
    try:
        file = _file()
        check_own(file)
        found = json.loads(file.read_text(encoding="utf-8"))
        return {kind: {int(rows): dict(each) for rows, each in table.items()} for kind, table in found.items()}
    except (OSError, NoKernels, ValueError, AttributeError, TypeError):
        return {}


def _store(speeds: Speeds) -> None:
    """Keep what was measured, where there is a place for it."""
    try:
        write_json(_file(), speeds)
    except (NoKernels, SaveError):
        return
