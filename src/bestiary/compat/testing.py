"""What other people's test suites import of `transformers.testing_utils`: markers, captured streams, temporary folders."""

import contextlib
import importlib
import importlib.util
import inspect
import io
import os
import shutil
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from logging import Handler, Logger, LogRecord
from pathlib import Path
from typing import Any, Self

import torch

from ..core.errors import ArgumentError
from .child_programs import execute_subprocess_async as execute_subprocess_async
from .device_spec import BACKEND_DEVICE_COUNT as BACKEND_DEVICE_COUNT
from .device_spec import BACKEND_EMPTY_CACHE as BACKEND_EMPTY_CACHE
from .device_spec import BACKEND_MANUAL_SEED as BACKEND_MANUAL_SEED
from .device_spec import backend_device_count as backend_device_count
from .device_spec import backend_empty_cache as backend_empty_cache
from .device_spec import backend_manual_seed as backend_manual_seed
from .device_spec import device_of_spec

_TRUE, _FALSE = ("1", "true", "yes", "on", "y", "t"), ("0", "false", "no", "off", "n", "f", "")
Marker = Callable[[Any], Any]


def parse_flag_from_env(key: str, default: bool = False) -> bool:
    """An environment variable as yes or no.

    Raises:
        ArgumentError: it is neither.
    """
    value = os.environ.get(key)
    if value is None:
        return default
    if value.lower() not in (*_TRUE, *_FALSE):
        raise ArgumentError(f"the environment variable {key} is {value!r:.60}; expected yes or no")
    return value.lower() in _TRUE


def _device() -> str:
    """The device that tests run on: `TRANSFORMERS_TEST_DEVICE`, else an accelerator where there is one.

    A module that `TRANSFORMERS_TEST_BACKEND` names is imported first; a file in `TRANSFORMERS_TEST_DEVICE_SPEC` may name the
    device, and how it is seeded, counted and emptied.
    """
    if backend := os.environ.get("TRANSFORMERS_TEST_BACKEND"):
        try:
            importlib.import_module(backend)
        except ModuleNotFoundError as error:
            raise ArgumentError(f"TRANSFORMERS_TEST_BACKEND is {backend!r:.60}, which cannot be imported: {error}") from error
    device = os.environ.get("TRANSFORMERS_TEST_DEVICE")
    if named := os.environ.get("TRANSFORMERS_TEST_DEVICE_SPEC"):
        device = device_of_spec(named, device)
    if device is None:
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.device(device)
    except RuntimeError as error:
        raise ArgumentError(f"TRANSFORMERS_TEST_DEVICE is {device!r:.60}, which torch does not know: {error}") from error
    return device


torch_device = _device()


def get_gpu_count() -> int:
    """How many GPUs there are."""
    return torch.cuda.device_count()


def slow(test_case: Any) -> Any:
    """Skip a test or a class of tests unless the environment variable `RUN_SLOW` says yes."""
    return unittest.skipUnless(parse_flag_from_env("RUN_SLOW"), "test is slow")(test_case)


def _needs(package: str) -> Marker:
    def require(test_case: Any) -> Any:
        is_installed = importlib.util.find_spec(package) is not None
        return unittest.skipUnless(is_installed, f"test requires {package}")(test_case)

    return require


def _needs_gpus(least: int, most: int | None = None) -> Marker:
    def require(test_case: Any) -> Any:
        fits = least <= get_gpu_count() <= (sys.maxsize if most is None else most)
        number = f"{least} or more" if most is None else f"{least} to {most}"
        return unittest.skipUnless(fits, f"test requires {number} GPUs")(test_case)

    return require


# Each skips a test, or a class of tests, where what it names is not there.
require_torch, require_tokenizers, require_tf, require_flax = map(_needs, ("torch", "tokenizers", "tensorflow", "flax"))
require_sentencepiece, require_accelerate, require_peft = map(_needs, ("sentencepiece", "accelerate", "peft"))
require_vision, require_torchvision, require_torchaudio = map(_needs, ("PIL", "torchvision", "torchaudio"))
require_bitsandbytes, require_deepspeed, require_optuna = map(_needs, ("bitsandbytes", "deepspeed", "optuna"))
require_scipy, require_librosa, require_pandas, require_timm = map(_needs, ("scipy", "librosa", "pandas", "timm"))
require_flash_attn, require_torch_xla, require_safetensors = map(_needs, ("flash_attn", "torch_xla", "safetensors"))
require_torch_gpu, require_torch_multi_gpu = _needs_gpus(1), _needs_gpus(2)
require_torch_non_multi_gpu, require_torch_up_to_2_gpus = _needs_gpus(0, 1), _needs_gpus(0, 2)


def require_torch_accelerator(test_case: Any) -> Any:
    """Skip a test where `torch_device` is the processor."""
    return unittest.skipUnless(torch_device != "cpu", "test requires an accelerator")(test_case)


class mockenv(contextlib.ContextDecorator):
    """A decorator (or a context): these environment variables are set meanwhile."""

    def __init__(self, **variables: str) -> None:
        self._variables = variables

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._variables}
        for name, value in self._variables.items():
            os.environ[name] = value

    def __exit__(self, *error: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def get_tests_dir(append_path: str | None = None) -> str:
    """The folder `tests` above the file that calls, or a path in it; its own folder where none has that name."""
    place = Path(inspect.stack()[1].filename).resolve().parent
    tests = next((folder for folder in (place, *place.parents) if folder.name == "tests"), place)
    return str(tests / append_path if append_path else tests)


@contextlib.contextmanager
def ExtendSysPath(path: str | os.PathLike[str]) -> Iterator[None]:
    """`path` is looked at first by imports meanwhile."""
    before = list(sys.path)
    sys.path.insert(0, os.fspath(path))
    try:
        yield
    finally:
        sys.path[:] = before


class CaptureStd:
    """What is printed inside, as `out` and `err`; text before a carriage return on a line is dropped.

    Args:
        out, err: which streams. replay: print it all again at the end.
    """

    def __init__(self, out: bool = True, err: bool = True, replay: bool = True) -> None:
        self._streams = [name for name, asked in (("stdout", out), ("stderr", err)) if asked]
        self._replay = replay
        self.out = self.err = ""

    def __enter__(self) -> Self:
        self._before = {name: getattr(sys, name) for name in self._streams}
        for name in self._streams:
            setattr(sys, name, io.StringIO())
        return self

    def __exit__(self, *error: object) -> None:
        for name, stream in self._before.items():
            text = getattr(sys, name).getvalue()
            setattr(sys, name, stream)
            if self._replay:
                stream.write(text)
            cleaned = "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))
            setattr(self, name[3:], cleaned)


class CaptureStdout(CaptureStd):
    """What is printed to the standard output inside, as `out`."""

    def __init__(self, replay: bool = True) -> None:
        super().__init__(err=False, replay=replay)


class CaptureStderr(CaptureStd):
    """What is printed to the error stream inside, as `err`."""

    def __init__(self, replay: bool = True) -> None:
        super().__init__(out=False, replay=replay)


class CaptureLogger(Handler):
    """The messages of a logger inside, as `out`, a line each; its level decides which there are."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self.logger, self.out = logger, ""

    def emit(self, record: LogRecord) -> None:
        """Take a message."""
        self.out += f"{self.format(record)}\n"

    def __enter__(self) -> Self:
        self.logger.addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        self.logger.removeHandler(self)


class TestCasePlus(unittest.TestCase):
    """A test case that knows where it stands, and clears its temporary folders away.

    Attributes:
        test_file_path, test_file_dir, tests_dir, examples_dir, repo_root_dir, src_dir: paths, and with `_str` behind the name
        texts. The root is the first folder above that has `src` and `tests`.
    """

    __test__ = False  # derive from it; a class of tests sets it back

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__test__ = True

    def setUp(self) -> None:
        self._folders: list[str] = []
        self.test_file_path = Path(inspect.getfile(type(self))).resolve()
        self.test_file_dir = self.test_file_path.parent
        above = self.test_file_path.parents
        root = next((each for each in above if (each / "src").is_dir() and (each / "tests").is_dir()), self.test_file_dir)
        self.repo_root_dir = root
        self.tests_dir, self.examples_dir, self.src_dir = root / "tests", root / "examples", root / "src"
        for name in ("test_file_path", "test_file_dir", "repo_root_dir", "tests_dir", "examples_dir", "src_dir"):
            setattr(self, f"{name}_str", str(getattr(self, name)))

    def get_env(self) -> dict[str, str]:
        """A copy of the environment whose `PYTHONPATH` begins with the root and the folder of sources."""
        paths = [str(self.repo_root_dir), str(self.src_dir), os.environ.get("PYTHONPATH", "")]
        variables = {name: value for name, value in os.environ.items()}  # noqa: C416 (all of them, on purpose)
        return {**variables, "PYTHONPATH": ":".join(paths)}

    def get_auto_remove_tmp_dir(self, tmp_dir: str | None = None, before: bool | None = None, after: bool | None = None) -> str:
        """A folder for the test: a new one, which is removed at its end, or `tmp_dir` (it begins with ./), which is kept.

        Args:
            before: empty it now (None: a folder with a name is emptied). after: remove it at the end (None: a new one is).
        """
        if tmp_dir is not None and not tmp_dir.startswith("./"):
            raise ArgumentError(f"tmp_dir is {tmp_dir!r:.80}; expected a path that begins with './', so that nothing is lost")
        folder = tempfile.mkdtemp() if tmp_dir is None else str(Path(tmp_dir).resolve())
        if tmp_dir is not None and before in (None, True):
            shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(parents=True, exist_ok=True)
        if (tmp_dir is None) if after is None else after:
            self._folders.append(folder)
        return folder

    def tearDown(self) -> None:
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
