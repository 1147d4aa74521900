"""`bestiary launch`: a Python program on whole cores, its threads bound to them."""

import os
import shlex
import subprocess
import sys
from typing import Annotated

import typer

from ...core.errors import ArgumentError, FileMissing
from ..processors import NO_GPU, plan


def run(
    command: Annotated[list[str], typer.Argument(metavar="SCRIPT [ARGUMENTS]...", help="A Python file, and what it is given.")],
    instances: Annotated[int, typer.Option("--instances", min=1, help="Equal programs, each on cores of its own.")] = 1,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Of each program; by default its cores.")] = None,
    allocator: Annotated[
        str, typer.Option("--allocator", help="tcmalloc or jemalloc where installed (auto), one of them, or none.")
    ] = "auto",
    cpu: Annotated[bool, typer.Option("--cpu", help="Hide GPUs from the programs.")] = False,
    module: Annotated[bool, typer.Option("--module", "-m", help="SCRIPT is the name of a module.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only print what would be started.")] = False,
) -> None:
    """Start a Python program with a thread for each whole core, bound to it, and a fast allocator; on the CPU of Linux."""
    if not hasattr(os, "sched_setaffinity"):
        raise ArgumentError(f"{sys.platform} has no way to bind a program to cores: start it with python, OMP_NUM_THREADS set")
    if not module and not os.path.isfile(command[0]):
        raise FileMissing(f"there is no file {command[0]!r:.120}; a module is started with -m")
    planned = plan(instances, threads, allocator)
    for instance in planned if cpu else ():
        instance.variables.update(NO_GPU)
    line = [sys.executable, *(["-m"] if module else []), *command]
    for instance in planned:
        variables = " ".join(f"{name}={value}" for name, value in instance.variables.items())
        print(
            f"{variables} taskset -c {','.join(map(str, instance.processors))} {shlex.join(line)}",
            file=sys.stdout if show else sys.stderr,
        )
    if show:
        return
    said = {name for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES") if os.environ.get(name)}
    running: list[subprocess.Popen[bytes]] = []
    mask = os.sched_getaffinity(0)
    try:
        for instance in planned:
            os.sched_setaffinity(0, instance.processors)  # what is started inherits it
            for name, value in instance.variables.items():
                if name not in said:
                    os.environ[name] = value
            running.append(subprocess.Popen(line))
        codes = [process.wait() for process in running]
    finally:
        os.sched_setaffinity(0, mask)
        for process in running:
            if process.poll() is None:
                process.terminate()
    raise typer.Exit(next((code for code in codes if code), 0))
