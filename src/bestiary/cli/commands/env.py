"""`bestiary env`: what is installed, for reports of bugs."""

import os
import platform
from collections.abc import Iterator, Set
from importlib import metadata
from typing import Annotated

import typer

from ...core.optional import DISTRIBUTION_OF, EXTRA_OF, available
from ...draw.blocks import block_bar
from .. import console
from ..cores import affinity, cgroup_quota, usable_cores
from ..options import Json
from ..processors import whole_cores
from ..streams import takes_utf8

_CORE = ("numpy", "safetensors", "tokenizers", "huggingface_hub", "jinja2")


def run(
    json: Json = False,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Which products with small weights serve on this CPU, and how fast each is.")
    ] = False,
    threads: Annotated[
        bool, typer.Option("--threads", help="The processors that this process may use, and how many threads compute.")
    ] = False,
) -> None:
    """Print versions, devices and optional packages."""
    from ... import __version__

    if kernels:
        _kernels(json)
        return
    if threads:
        told = dict(_threads())
        if json:
            console.write_json(told)
        else:
            console.table(told.items())
        return

    rows = [
        ("bestiary", __version__),
        ("python", platform.python_version()),
        ("platform", platform.platform()),
        ("processors", str(os.cpu_count())),
        ("usable cores", str(usable_cores())),
        *_torch(),
        *((name, _version(name)) for name in _CORE),
        *((name, _version(name, extra)) for name, extra in EXTRA_OF.items()),
        *_hub(),
    ]
    if json:
        console.write_json(dict(rows))
    else:
        console.table(rows)


def _kernels(json: bool) -> None:
    """The C kernels and the speed of every kernel; what was not measured yet is measured now."""
    from ...kernels.report import machine, speeds

    facts = machine()
    with console.working("Measuring"):
        measured = speeds()
    if json:
        console.write_json({**facts, "speeds": [each._asdict() for each in measured]})
        return
    console.table(facts.items())
    best = {kind: max(each.gflops for each in measured if each.kind == kind) for kind in {each.kind for each in measured}}
    rows = [
        (
            each.kind,
            str(each.rows),
            each.kernel + (" *" if each.chosen else ""),
            f"{each.microseconds:.0f}",
            f"{each.gigabytes:.1f}",
            f"{each.gflops:.0f}",
            "".join(block_bar(each.gflops / best[each.kind], 24, ascii_only=not takes_utf8())),
        )
        for each in measured
    ]
    columns = ("weights", "rows", "kernel (* used)", "microseconds", "GB/s", "GFLOP/s", "")
    console.table(rows, columns, "One thread, a matrix of 2048 x 2048")


def _threads() -> Iterator[tuple[str, str]]:
    """Processors, limits, threads and what the environment says of them."""
    import torch

    mask = affinity()
    quota = cgroup_quota()
    yield "processors", str(os.cpu_count())
    yield "processors of this process", _listed(mask) if mask else "all"
    yield "whole cores among them", str(len(whole_cores(sorted(mask)))) if mask else "unknown"
    yield "limit of the container", "none" if quota == float("inf") else f"{quota:g} cores"
    yield "usable cores", str(usable_cores())
    yield "threads of torch", str(torch.get_num_threads())
    yield "threads of torch between operations", str(torch.get_num_interop_threads())
    yield "threads of the commands", f"{min(torch.get_num_threads(), usable_cores())}, fewer where others work"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "LD_PRELOAD"):
        yield name, os.environ.get(name, "not set")


def _listed(processors: Set[int]) -> str:
    """Numbers as ranges: 0-3, 8."""
    ranges: list[list[int]] = []
    for processor in sorted(processors):
        if ranges and ranges[-1][1] + 1 == processor:
            ranges[-1][1] = processor
        else:
            ranges.append([processor, processor])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)


def _version(package: str, extra: str = "") -> str:
    if not available(package):
        return "not installed" + (f" (extra: {extra})" if extra else "")
    try:
        return metadata.version(DISTRIBUTION_OF.get(package, package))
    except metadata.PackageNotFoundError:
        return "installed, without a version"


def _torch() -> list[tuple[str, str]]:
    """torch, its build and its devices, or why it cannot be imported: a broken torch is what a report may be about."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return [("torch", f"broken: {error}")]
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [
        ("torch", torch.__version__),
        ("torch threads", str(torch.get_num_threads())),
        ("cuda of torch", torch.version.cuda or "none"),
        ("devices", ", ".join(["cpu", *devices])),
    ]


def _hub() -> list[tuple[str, str]]:
    from ...hub.options import HubOptions, cache_folder, offline

    return [("hub cache", cache_folder()), ("network", "switched off" if offline(HubOptions()) else "allowed")]
