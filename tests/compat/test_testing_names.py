"""Markers and tools of `transformers.testing_utils`: each does what the published one does."""

import importlib.util
import inspect
import json
import logging
import os
import unittest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.kit.in_process import three
from transformers import testing_utils as published

from bestiary.compat import helpers, markers, testing, testing_tools
from bestiary.core.logging import get_verbosity

# Markers that are called with something first -> what.
FIRST: dict[str, list[Any]] = {
    "require_cuda_capability_at_least": [(8, 0)],
    "require_huggingface_hub_greater_or_equal": [("0.1",), ("99.0",)],
    "require_peft_greater_or_equal": [("0.1",), ("99.0",)],
    "require_torch_greater_or_equal": [("1.0",), ("99.0",)],
    "require_torch_n_accelerators": [(1,)],
    "require_torchao_version_greater_or_equal": [("0.1",), ("99.0",)],
    "require_torchcodec_greater_or_equal": [("0.1",), ("99.0",)],
    "require_triton": [(), ("99.0",)],
}
MARKERS = sorted(name for name in dir(published) if name.startswith("require_"))
KINDS = tuple(markers._KINDS)
OWN = {
    "require_tensorboard": "the published one gives a decorator back",
    "require_deterministic_for_accelerator": "it sets the algorithms of accelerators; torch.use_deterministic_algorithms does",
    "require_deterministic_for_xpu": "the same",
}


def ours(name: str) -> Any:
    """What `from transformers.testing_utils import NAME` gives under compat."""
    return getattr(testing if hasattr(testing, name) else markers, name)


def runs(marker: Any) -> bool:
    """Whether a test that is marked so runs."""

    class Case(unittest.TestCase):
        @marker
        def test_it(self) -> None:
            pass

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert not result.errors
    return not result.skipped


@pytest.mark.parametrize("name", [name for name in MARKERS if name not in OWN])
def test_markers(name: str) -> None:
    for given in FIRST.get(name, [None]):
        both = [function if given is None else function(*given) for function in (ours(name), getattr(published, name))]
        if "memory" in inspect.signature(getattr(published, name)).parameters:
            for memory in (0, 10**6):
                found = [runs(lambda test, f=function, m=memory: f(test, memory=m)) for function in both]
                assert found[0] == found[1]
            continue
        assert runs(both[0]) == runs(both[1])


def test_markers_that_are_not_here() -> None:
    assert runs(ours("require_tensorboard")) == helpers.is_tensorboard_available()
    for name in OWN.keys() - {"require_tensorboard"}:
        with pytest.raises(AttributeError):
            ours(name)
    assert len(MARKERS) > 100
    assert set(MARKERS) - set(OWN) <= {*dir(markers), *dir(testing)}


@pytest.mark.filterwarnings("ignore")  # suites that use these marks make them known
@pytest.mark.parametrize("said", [None, "1", "0"])
@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_tests(name: str, said: str | None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    variable = markers._KINDS[name][0]
    request.config.addinivalue_line("markers", f"{name}: of suites that are written so")
    if said is None or variable is None:
        assert runs(getattr(markers, name)) == runs(getattr(published, name))
        return
    monkeypatch.setenv(variable, said)
    assert runs(getattr(markers, name)) == (said == "1")


@pytest.mark.parametrize("minimum", ["0.1.0", "99.0.0"])
@pytest.mark.parametrize("name", ["require_accelerate", "require_gguf", "require_fsdp"])
def test_least_versions(name: str, minimum: str) -> None:
    found = [runs(lambda test, f=f: f(test, min_version=minimum)) for f in (getattr(markers, name), getattr(published, name))]
    assert found[0] == found[1]


def test_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("NUMBER", "7")
    for library in (testing_tools, published):
        with library.mockenv_context("KEPT", "NEVER_SET", NEW="2", NUMBER="8"):
            assert (os.environ.get("KEPT"), os.environ["NEW"], os.environ["NUMBER"]) == (None, "2", "8")
        assert (os.environ["KEPT"], os.environ.get("NEW"), os.environ["NUMBER"]) == ("1", None, "7")
        assert library.parse_int_from_env("NUMBER") == 7
        assert library.parse_int_from_env("NEVER_SET", 3) == 3


@pytest.mark.parametrize("name", ["is_flaky", "hub_retry"])
@pytest.mark.parametrize("failures", [0, 2, 3])
def test_tests_that_may_fail(name: str, failures: int) -> None:
    """The network's errors that the published one retries are those of another client than Python's own."""
    found = []
    for library in (testing_tools, published if name == "is_flaky" else testing_tools):
        calls: list[int] = []

        @getattr(library, name)(max_attempts=3, wait_before_retry=None)
        def test(self: Any, calls: list[int] = calls) -> str:
            calls.append(1)
            if len(calls) <= failures:
                raise ConnectionError("down")
            return "done"

        case = unittest.TestCase()
        try:
            result = test(case)
        except ConnectionError:
            result = "failed"
        found.append((result, len(calls)))
    assert found[0] == found[1] == (("done", failures + 1) if failures < 3 else ("failed", 3))


def test_a_level_of_logging() -> None:
    before = get_verbosity()
    with testing_tools.LoggingLevel(logging.DEBUG):
        assert get_verbosity() == logging.DEBUG
    assert get_verbosity() == before


NESTED = [1.23456, (np.float32(2.34567), np.ones(2) / 3), {"a": torch.ones(1) / 7, "b": [np.int64(4), "text", None]}]


def test_results_in_short() -> None:
    assert testing_tools.nested_simplify(NESTED) == published.nested_simplify(NESTED)
    assert testing_tools.nested_simplify(1.26, decimals=1) == published.nested_simplify(1.26, decimals=1) == 1.3
    for each in (3, (1, 2), [4]):
        assert testing_tools.to_2tuple(each) == published.to_2tuple(each)


def test_programs() -> None:
    for library in (testing_tools, published):
        assert library.run_command(["echo", "words"], return_stdout=True) == "words\n"
        assert library.run_command(["true"]) is None
        with pytest.raises(library.SubprocessCallException, match="`false` failed"):
            library.run_command(["false"])
        assert library.cmd_exists("ls")
        assert not library.cmd_exists("no-such-program")
    assert 1024 < testing_tools.get_torch_dist_unique_port() < 65536


def test_a_test_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))  # where the process finds `tests.kit`
    testing_tools.run_test_in_subprocess(unittest.TestCase(), three, 3, timeout=120)
    with pytest.raises(AssertionError, match="found 4"):
        testing_tools.run_test_in_subprocess(unittest.TestCase(), three, 4, timeout=120)


def test_files(tmp_path: Path) -> None:
    for library in (testing_tools, published):
        file = tmp_path / "file.json"
        library.write_file(file, json.dumps({"a": 1, "b": [2]}, indent=2))
        assert library.read_json_file(file) == {"a": 1, "b": [2]}
        library.write_file(file, json.dumps({"a": 1}, indent=2) + "\n")
        library.check_json_file_has_correct_format(file)
        library.write_file(file, '{"a": 1,\n"b": 2}')
        with pytest.raises(AssertionError):
            library.check_json_file_has_correct_format(file)


def test_outputs() -> None:
    text = "one\r two\nthree"
    for library in (testing_tools, published):
        library.assert_screenout("Some WORDS", "words")
        with pytest.raises(AssertionError, match="expecting to find"):
            library.assert_screenout("Some", "words")
    assert testing_tools.apply_print_resets(text) == " two\nthree"
    values = [{"eval_loss": 1.0}, {"eval_loss": 2.0}]
    found = []
    for library in (testing_tools, published):
        effects = library.evaluate_side_effect_factory(values)
        found.append([next(effects) for _ in range(4)])
    assert found[0] == found[1]


def test_devices() -> None:
    for name in ("max_memory_allocated", "memory_allocated", "reset_max_memory_allocated", "synchronize"):
        function = f"backend_{name}"
        assert getattr(testing_tools, function)("cpu") == getattr(published, function)("cpu")
    testing_tools.cleanup("cpu", gc_collect=True)
    assert testing_tools.pytest_xdist_worker_id() == published.pytest_xdist_worker_id()
    assert testing_tools.backend_torch_accelerator_module("cuda") is torch.cuda


@pytest.mark.parametrize("library", [testing_tools, published])
def test_what_is_not_implemented_is_skipped(library: Any) -> None:
    @library.apply_skip_if_not_implemented
    class Case(unittest.TestCase):
        def test_one(self) -> None:
            raise NotImplementedError("later")

        def test_two(self) -> None:
            pass

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (len(result.skipped), result.testsRun, result.errors) == (1, 2, [])


def test_questions_are_found_where_markers_are() -> None:
    assert helpers.is_deepspeed_available() is False or importlib.util.find_spec("deepspeed") is not None
