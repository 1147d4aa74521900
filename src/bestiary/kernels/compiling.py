"""The C kernels of this package, compiled once for this machine by its own compiler and kept in the user's cache."""

import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from ..core.errors import BestiaryError
from ..core.logging import get_logger

# What is compiled together: products with weights in few bits, what every model on a CPU has, and what is `generate_batch`'s.
_BLOCKS = ("blocks.h", "blocks.c", "block_linear.c", "block_tiles.c")
PRODUCTS = ("common.h", "common.c", "tiles.h", "tiles.c", "int8.c", "int4.c", "half.c", "bytes.c", *_BLOCKS)
ELEMENTS = ("common.h", "common.c", "vectors.h", "elements.h", "elements.c", "steps.c", "attention.c")
PAGED = ("common.h", "common.c", "vectors.h", "elements.h", "paged.c")
_OPTIONS = ("-O3", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-Wno-psabi")
# This machine's instructions; not every compiler knows both ways to ask for them.
_INSTRUCTIONS = (["-march=native"], ["-mcpu=native"])
_SECONDS = 120


class NoKernels(BestiaryError, RuntimeError):
    """The C kernels cannot be compiled or loaded here; the message says why."""

    code = "no-kernels"


def cache_folder() -> Path:
    """Where compiled kernels and measured speeds are kept: `bestiary/kernels` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bestiary" / "kernels"


def own_folder() -> Path:
    """`cache_folder`, made if need be.

    Raises:
        NoKernels: it cannot be made, or another user could write into it: what lies there is run.
    """
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise NoKernels(f"{folder} cannot be made ({error}), where compiled kernels are kept") from error
    check_own(folder)
    return folder


def check_own(path: Path) -> None:
    """Refuse a file or folder that another user owns or may write.

    Raises:
        NoKernels: it is so.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise NoKernels(f"{path} cannot be read ({error})") from error
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022):
        raise NoKernels(
            f"{path} belongs to another user or can be written by others, and what lies there would be run: make it your own"
            " (chmod go-w), or set XDG_CACHE_HOME"
        )


def compiler() -> list[str]:
    """The command of the C compiler: that of the variable CC, else the first there is of cc, gcc, clang.

    Raises:
        NoKernels: there is none.
    """
    for command in (shlex.split(os.environ.get("CC", "")), ["cc"], ["gcc"], ["clang"]):
        if command and (found := shutil.which(command[0])):
            return [found, *command[1:]]
    raise NoKernels("there is no C compiler (cc, gcc, clang, or the one that the variable CC names)")


def processor() -> str:
    """What tells processors apart for a compiler: the model and its instructions, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part", "isa")
    return "\n".join([platform.machine(), *(line for line in lines if line.startswith(wanted))])


def compiled(names: tuple[str, ...] = PRODUCTS) -> Path:
    """The kernels of these sources, compiled for this machine; compiles them where they are not in the cache.

    Raises:
        NoKernels: no compiler, no folder of one's own, or the compiler's first words where it fails.
    """
    folder, command = own_folder(), compiler()
    sources = {name: (files(__package__) / "native" / name).read_bytes() for name in names}
    said = _run([*command, "--version"]).stdout
    digest = hashlib.sha256(repr((sources, command, said, _OPTIONS, processor())).encode()).hexdigest()[:20]
    target = folder / f"kernels-{digest}.so"
    if not target.exists():
        get_logger(__name__).warning(
            "compiling C kernels for this machine, once, into %s: some seconds (BESTIARY_NATIVE_KERNELS=0 does without them)",
            folder,
        )
        _compile(command, sources, target)
    check_own(target)
    return target


def _compile(command: list[str], sources: dict[str, bytes], target: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix=".compiling-", dir=target.parent) as place:
            for name, source in sources.items():
                (Path(place) / name).write_bytes(source)
            units = [Path(place) / name for name in sources if name.endswith(".c")]
            objects, result = [str(unit.with_suffix(".o")) for unit in units], Path(place) / "kernels.so"
            for instructions in _INSTRUCTIONS:
                options = [*command, *_OPTIONS, *instructions]
                calls = [[*options, "-c", "-o", output, str(unit)] for unit, output in zip(units, objects, strict=True)]
                with ThreadPoolExecutor(os.cpu_count()) as pool:  # the threads only wait for compilers
                    results = list(pool.map(_run, calls))
                done = max(results, key=lambda each: abs(each.returncode))
                if not done.returncode:
                    done = _run([*options, "-shared", "-o", str(result), *objects, "-lm"])
                if not done.returncode:
                    break
            if done.returncode or not result.exists():
                raise NoKernels(f"{command[0]} failed: {done.stderr.strip()[:300] or f'exit status {done.returncode}'}")
            result.chmod(0o700)
            os.replace(result, target)  # processes that compile at once replace each other's equal file
    except OSError as error:
        raise NoKernels(f"compiling in {target.parent} failed ({error})") from error


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKernels(f"{command[0]} could not be run ({error})") from error
