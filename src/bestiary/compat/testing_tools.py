"""What tests of others use besides markers: environments, tests that may fail, programs, files, shortened results."""

import contextlib
import functools
import gc
import json
import logging
import os
import queue
import random
import socket
import subprocess
import time
import unittest
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..core.logging import get_verbosity, set_verbosity
from .device_spec import backend_empty_cache


class LoggingLevel(contextlib.ContextDecorator):
    """A context (or decorator): this library logs from `level` on meanwhile."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> Self:
        self._before = get_verbosity()
        set_verbosity(self.level)
        return self

    def __exit__(self, *error: object) -> None:
        set_verbosity(self._before)


@contextlib.contextmanager
def mockenv_context(*remove: str, **update: Any) -> Iterator[None]:
    """A context: environment variables are set by name, and others are not there, meanwhile."""
    before = {name: os.environ.get(name) for name in (*remove, *update)}
    for name, value in update.items():
        os.environ[name] = str(value)
    for name in remove:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def parse_int_from_env(key: str, default: int | None = None) -> int | None:
    """An environment variable as a number; `default` where it is not set."""
    return default if (value := os.environ.get(key)) is None else int(value)


def is_flaky(max_attempts: int = 5, wait_before_retry: float | None = None, description: str | None = None) -> Any:
    """A decorator of tests that may fail: they are run again, up to `max_attempts` times in all.

    Args:
        wait_before_retry: seconds between two. description: why it may fail.
    """
    return functools.partial(_again, max_attempts, lambda attempt: wait_before_retry, (Exception,))


def hub_retry(max_attempts: int = 5, wait_before_retry: float | None = 2) -> Any:
    """The same for tests that fail because the network does, with longer and longer waits."""

    def wait(attempt: int) -> float | None:
        return None if wait_before_retry is None else wait_before_retry * 2**attempt * random.uniform(0.75, 1.25)

    return functools.partial(_again, max_attempts, wait, (OSError,))  # as errors of the hub's client are


def _again(attempts: int, wait: Callable[[int], float | None], kinds: tuple[type[Exception], ...], test: Any) -> Any:
    @functools.wraps(test)
    def repeated(*args: Any, **kwargs: Any) -> Any:
        for attempt in range(attempts - 1):
            try:
                return test(*args, **kwargs)
            except unittest.SkipTest:
                raise
            except Exception as error:
                if not isinstance(error, kinds):
                    raise
                logging.getLogger(__name__).error("Attempt %d of %d failed: %s", attempt + 1, attempts, error)
                if (seconds := wait(attempt)) is not None:
                    time.sleep(seconds)
        return test(*args, **kwargs)

    return repeated


class SubprocessCallException(Exception):
    """A program ended with another code than 0."""


def run_command(command: list[str], return_stdout: bool = False) -> str | None:
    """Run a program; returns what it printed, if asked for.

    Raises:
        SubprocessCallException: it ended with another code than 0, with what it printed.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SubprocessCallException(f"Command `{' '.join(command)}` failed with the following error:\n\n{done.stdout}")
    return done.stdout if return_stdout else None


def run_test_in_subprocess(
    test_case: unittest.TestCase, target_func: Callable[..., Any], inputs: Any = None, timeout: int | None = None
) -> None:
    """Run a test in a process of its own, which fails where that puts an error into its results.

    Args:
        target_func: gets (a queue that holds `inputs`, a queue for {"error": text or None}, seconds).
        timeout: seconds; by default those of `PYTEST_TIMEOUT`, or 600.
    """
    import multiprocessing

    seconds = int(os.environ.get("PYTEST_TIMEOUT", "600")) if timeout is None else timeout
    context = multiprocessing.get_context("spawn")
    given, results = context.Queue(1), context.JoinableQueue(1)
    given.put(inputs, timeout=seconds)
    process = context.Process(target=target_func, args=(given, results, seconds))
    process.start()
    deadline, result = time.monotonic() + seconds, None
    while result is None:
        try:
            result = results.get(timeout=1)
            results.task_done()
        except queue.Empty:
            if process.is_alive() and time.monotonic() < deadline:
                continue
            ended = f"ended with code {process.exitcode}" if process.exitcode is not None else f"said nothing for {seconds} s"
            process.terminate()
            test_case.fail(f"the test in a process of its own {ended}, without a result")
    process.join(timeout=seconds)
    if result["error"] is not None:
        test_case.fail(f"{result['error']}")


def cmd_exists(cmd: str) -> bool:
    """Whether a program is on the path."""
    import shutil

    return shutil.which(cmd) is not None


def nested_simplify(obj: Any, decimals: int = 3) -> Any:
    """A result with plain numbers, of so many decimals, in place of tensors and arrays."""
    shorten = functools.partial(nested_simplify, decimals=decimals)
    if isinstance(obj, list):
        return [shorten(each) for each in obj]
    if isinstance(obj, tuple):
        return tuple(shorten(each) for each in obj)
    if isinstance(obj, np.ndarray | Tensor):
        return shorten(obj.tolist())
    if hasattr(obj, "keys"):
        return {shorten(name): shorten(obj[name]) for name in obj.keys()}
    if isinstance(obj, np.generic):
        return shorten(obj.item())
    return round(obj, decimals) if isinstance(obj, float) else obj


def to_2tuple(x: Any) -> Any:
    """A pair of the same; several as they are."""
    return x if isinstance(x, Sequence) and not isinstance(x, str) else (x, x)


def read_json_file(file: Any) -> Any:
    """What a JSON file holds."""
    return json.loads(Path(file).read_text(encoding="utf-8"))


def write_file(file: Any, content: str) -> None:
    """Write a text into a file."""
    Path(file).write_text(content, encoding="utf-8")


def check_json_file_has_correct_format(file_path: Any) -> None:
    """Refuse a JSON file that is not laid out as configs are: braces on lines of their own, entries two blanks in."""
    lines = Path(file_path).read_text(encoding="utf-8").splitlines()
    if len(lines) == 1:
        assert lines[0] == "{}"
        return
    assert lines[0].strip() == "{"
    assert all(len(line) - len(line.lstrip()) == 2 for line in lines[1:-1])
    assert lines[-1].strip() == "}"


def get_steps_per_epoch(trainer: Any) -> int:
    """Updates of an epoch of a trainer."""
    args = trainer.args
    updates: int = len(trainer.train_dataset) // (args.train_batch_size * args.gradient_accumulation_steps)
    return updates


def evaluate_side_effect_factory(side_effect_values: list[dict[str, float]]) -> Iterator[dict[str, float]]:
    """These values one after the other, and the last again and again."""
    yield from side_effect_values
    while True:
        yield side_effect_values[-1]


def get_torch_dist_unique_port() -> int:
    """A port that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def pytest_xdist_worker_id() -> int:
    """The number of this worker of pytest-xdist; 0 where it is not used."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def apply_print_resets(buf: str) -> str:
    """A text without what a carriage return overwrote."""
    return "\n".join(line.rpartition("\r")[2] for line in buf.split("\n"))


def assert_screenout(out: str, what: str) -> None:
    """Refuse an output that does not hold `what`, in letters of any size."""
    shown = apply_print_resets(out).lower()
    assert what.lower() in shown, f"expecting to find {what} in output: {shown}"


def cleanup(device: str, gc_collect: bool = False) -> None:
    """Free the memory that a device keeps; with `gc_collect` Python's too."""
    if gc_collect:
        gc.collect()
    backend_empty_cache(device)


def _of_backend(function: str, otherwise: Any, device: str) -> Any:
    module = getattr(torch, str(device).partition(":")[0], None)
    return getattr(module, function)() if device != "cpu" and hasattr(module, function) else otherwise


backend_max_memory_allocated = functools.partial(_of_backend, "max_memory_allocated", 0)
backend_memory_allocated = functools.partial(_of_backend, "memory_allocated", 0)
backend_reset_max_memory_allocated = functools.partial(_of_backend, "reset_max_memory_allocated", None)
backend_reset_peak_memory_stats = functools.partial(_of_backend, "reset_peak_memory_stats", None)
backend_synchronize = functools.partial(_of_backend, "synchronize", None)


def backend_torch_accelerator_module(device: str) -> Any:
    """torch's module for a kind of device, as `torch.cuda`."""
    return getattr(torch, str(device).partition(":")[0])


def skip_if_not_implemented(test_func: Any) -> Any:
    """A decorator: a test that raises NotImplementedError is skipped."""

    @functools.wraps(test_func)
    def skipped(*args: Any, **kwargs: Any) -> Any:
        try:
            return test_func(*args, **kwargs)
        except NotImplementedError as error:
            raise unittest.SkipTest(f"it is not implemented: {error}") from error

    return skipped


def apply_skip_if_not_implemented(cls: type) -> type:
    """The same for all tests of a class."""
    for name in [name for name in dir(cls) if name.startswith("test") and callable(getattr(cls, name))]:
        setattr(cls, name, skip_if_not_implemented(getattr(cls, name)))
    return cls
