"""`execute_subprocess_async`: programs that tests start, and what these say."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any


@dataclass
class RunOutput:
    """What a program ended with, and the lines of both streams."""

    returncode: int
    stdout: list[str]
    stderr: list[str]


def execute_subprocess_async(
    cmd: Sequence[str],
    env: Mapping[str, str] | None = None,
    stdin: Any = None,
    timeout: float = 180,
    quiet: bool = False,
    echo: bool = True,
) -> RunOutput:
    """Run a program to its end, and show the lines of both of its streams while they come.

    Args:
        env: its environment. timeout: seconds. quiet: show no lines. echo: show the command.

    Raises:
        RuntimeError: it ended with another code than 0, with what it wrote to its error stream; or it wrote nothing.
        TimeoutError: it took longer.
    """
    words = " ".join(map(str, cmd))
    if echo:
        sys.stdout.write(f"\nRunning:  {words}\n")
    loop = asyncio.new_event_loop()  # of its own: the program's current one stays as it is
    try:
        output = loop.run_until_complete(_run(list(map(str, cmd)), env, stdin, timeout, quiet))
    finally:
        loop.close()
    if output.returncode:
        told = "\n".join(output.stderr)
        raise RuntimeError(f"'{words}' failed with returncode {output.returncode}\n\nIts error stream:\n{told}")
    if not output.stdout and not output.stderr:
        raise RuntimeError(f"'{words}' produced no output, so nothing shows that it did its work")
    return output


async def _run(cmd: list[str], env: Mapping[str, str] | None, stdin: Any, timeout: float, quiet: bool) -> RunOutput:
    process = await asyncio.create_subprocess_exec(*cmd, stdin=stdin, stdout=PIPE, stderr=PIPE, env=env, limit=2**20)
    out: list[str] = []
    err: list[str] = []

    async def read(stream: Any, lines: list[str], shown: IO[str], label: str) -> None:
        while line := (await stream.readline()).decode("utf-8", "replace"):
            lines.append(line.rstrip())
            if not quiet:
                print(label, lines[-1], file=shown)

    try:
        streams = (read(process.stdout, out, sys.stdout, "stdout:"), read(process.stderr, err, sys.stderr, "stderr:"))
        await asyncio.wait_for(asyncio.gather(*streams), timeout)
        return RunOutput(await process.wait(), out, err)
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
                await process.wait()
