"""`transformers.testing_utils` under compat: what test suites of others import of it."""

import logging
import os
import subprocess
import sys
import unittest
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
