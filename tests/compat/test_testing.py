"""`transformers.testing_utils` under compat: what test suites of others import of it."""

import asyncio
import logging
import os
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import testing_utils as published

from bestiary.compat import testing
from bestiary.core.errors import ArgumentError

SUITE = """
import unittest
from transformers.testing_utils import TestCasePlus, require_torch, require_tf, slow, torch_device

class Suite(TestCasePlus):
    @slow
    def test_slow(self): pass
    @require_tf
    def test_other_framework(self): raise AssertionError
    @slow
    @require_torch
    def test_both(self): assert torch_device == "cpu"

unittest.main()
"""


@pytest.mark.parametrize(("slow", "skipped"), [("0", 3), ("1", 1)])
def test_a_suite_of_others(slow: str, skipped: int, tmp_path: Path) -> None:
    (tmp_path / "suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "bestiary.compat", str(tmp_path / "suite.py")]
    environment = {**os.environ, "RUN_SLOW": slow, "TRANSFORMERS_TEST_DEVICE": "cpu"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert f"OK (skipped={skipped})" in ran.stderr, ran.stderr


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_markers_of_gpus(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    markers = {"gpu": count >= 1, "multi_gpu": count >= 2, "non_multi_gpu": count <= 1, "up_to_2_gpus": count <= 2}
    for name, runs in markers.items():
        marker: Any = vars(testing)[f"require_torch_{name}"]

        class Case(unittest.TestCase):
            test_it = marker(lambda self: None)

        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
        assert len(result.skipped) == (0 if runs else 1)


def test_flags_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    with testing.mockenv(RUN_SLOW="perhaps", BESTIARY_TEST_FLAG="yes"):
        assert testing.parse_flag_from_env("BESTIARY_TEST_FLAG")
        with pytest.raises(ArgumentError, match="RUN_SLOW is 'perhaps'; expected yes or no"):
            testing.slow(lambda: None)
    assert "BESTIARY_TEST_FLAG" not in os.environ
    monkeypatch.setenv("TRANSFORMERS_TEST_DEVICE", "abacus")
    with pytest.raises(ArgumentError, match="TRANSFORMERS_TEST_DEVICE is 'abacus', which torch does not know"):
        testing._device()


def test_captured_streams_and_loggers() -> None:
    for library in (testing, published):
        with library.CaptureStd() as streams:
            sys.stdout.write("Secret message\rHello World\n")
            sys.stderr.write("error\n")
        assert (streams.out, streams.err) == ("Hello World\n", "error\n")
        with library.CaptureStdout() as streams:
            sys.stdout.write("a\n")
        assert streams.out == "a\n"
        logger = logging.getLogger("of a test")
        logger.setLevel(logging.INFO)
        with library.CaptureLogger(logger) as caught:
            logger.info("told")
            logger.debug("not told")
        logger.info("behind")
        assert caught.out == "told\n"


class Folders(testing.TestCasePlus):
    """Run by the test below."""

    def runTest(self) -> None:
        self.new = self.get_auto_remove_tmp_dir()
        Path("kept").mkdir()
        Path("kept/old.txt").write_text("")
        self.kept = self.get_auto_remove_tmp_dir("./kept")
        assert not any(Path(self.kept).iterdir())
        (Path(self.kept) / "new.txt").write_text("")
        assert [path.name for path in Path(self.get_auto_remove_tmp_dir("./kept", before=False)).iterdir()] == ["new.txt"]
        self.gone = self.get_auto_remove_tmp_dir("./gone", after=True)
        with pytest.raises(ArgumentError, match="begins with"):
            self.get_auto_remove_tmp_dir("/tmp/elsewhere")
        assert self.test_file_dir == Path(__file__).resolve().parent


Folders.__test__ = False  # type: ignore[assignment]


def test_temporary_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case, result = Folders(), unittest.TestResult()
    case.run(result)
    assert result.wasSuccessful(), result.errors + result.failures
    assert Path(case.kept).exists()
    assert not Path(case.new).exists()
    assert not Path(case.gone).exists()


def test_paths(tmp_path: Path) -> None:
    assert testing.get_tests_dir("fixtures") == str(Path(__file__).resolve().parents[1] / "fixtures")
    before = list(sys.path)
    with testing.ExtendSysPath(tmp_path):
        assert sys.path[0] == str(tmp_path)
    assert sys.path == before


def test_where_a_test_stands(tmp_path: Path) -> None:
    """All paths of the published helper, from a test at any depth and any working directory."""
    for folder in ("src", "examples", "tests/deep"):
        (tmp_path / folder).mkdir(parents=True)
    paths = ("test_file_path", "test_file_dir", "repo_root_dir", "tests_dir", "examples_dir", "src_dir")
    names = [f"{name}{end}" for name in paths for end in ("", "_str")]
    code = (
        "import json\nfrom transformers.testing_utils import TestCasePlus\n"
        "class Case(TestCasePlus):\n    def runTest(self): pass\n"
        "case = Case()\ncase.setUp()\n"
        f"print(json.dumps([[str(getattr(case, name)) for name in {names}], case.get_env()['PYTHONPATH']]))\n"
    )
    (tmp_path / "tests" / "deep" / "case.py").write_text(code)
    shown = []
    for start in ([sys.executable], [sys.executable, "-m", "bestiary.compat"]):
        environment = {**os.environ, "TRANSFORMERS_TEST_DEVICE": "cpu"}
        command = [*start, str(tmp_path / "tests" / "deep" / "case.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment)
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout.strip().splitlines()[-1])
    assert shown[0] == shown[1]


@pytest.fixture
def event_loop_of_the_thread() -> Iterator[None]:
    """The published function takes the thread's event loop, which tests before this one may have ended."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("event_loop_of_the_thread")
def test_a_program_that_is_started(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('one'); print('two', file=sys.stderr)"
    for library in (published, testing):
        done = library.execute_subprocess_async([sys.executable, "-c", code])
        assert (done.returncode, done.stdout, done.stderr) == (0, ["one"], ["two"])
        assert "stdout: one" in capfd.readouterr().out
        for words, told in (("sys.exit(3)", "failed with returncode 3"), ("sys.exit(0)", "produced no output")):
            with pytest.raises(RuntimeError, match=told):
                library.execute_subprocess_async([sys.executable, "-c", f"import sys; {words}"], quiet=True, echo=False)
    with pytest.raises(RuntimeError, match="lost its way"):
        testing.execute_subprocess_async([sys.executable, "-c", "raise SystemExit('lost its way')"], echo=False)
    with pytest.raises(TimeoutError):
        testing.execute_subprocess_async([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5, echo=False)


SPEC = """
import torch
DEVICE_NAME = "cpu"
def MANUAL_SEED_FN(seed): print("seeded", seed)
def DEVICE_COUNT_FN(): return 7
"""


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "cpu 7"),
        ({"TRANSFORMERS_TEST_DEVICE": "cuda:3"}, "expected one of them"),
        ({"TRANSFORMERS_TEST_BACKEND": "no_such_backend"}, "cannot be imported"),
        ({"TRANSFORMERS_TEST_DEVICE_SPEC": "nowhere.py"}, "which is no file"),
    ],
)
def test_a_file_that_says_what_a_device_is(environment: dict[str, str], told: str, tmp_path: Path) -> None:
    (tmp_path / "spec.py").write_text(SPEC)
    code = (
        "from bestiary.compat import testing as t\nt.backend_manual_seed(t.torch_device, 5)\n"
        "t.backend_empty_cache(t.torch_device)\n"
        "print(t.torch_device, t.backend_device_count(t.torch_device))\n"
    )
    base = {name: value for name, value in os.environ.items() if not name.startswith("TRANSFORMERS_TEST")}
    environment = {**base, "TRANSFORMERS_TEST_DEVICE_SPEC": str(tmp_path / "spec.py"), **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert told in (done.stdout or done.stderr)
    assert ("seeded 5" in done.stdout) == (told == "cpu 7")
