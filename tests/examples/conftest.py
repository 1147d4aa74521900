"""Programs of `examples/`, called in this process."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def program() -> Callable[[str], ModuleType]:
    """Gives the module of `examples/<name>.py`."""

    def load(name: str) -> ModuleType:
        known = f"examples_{name}"
        if known not in sys.modules:
            spec = importlib.util.spec_from_file_location(known, EXAMPLES / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            sys.modules[known] = importlib.util.module_from_spec(spec)
            sys.path.insert(0, str(EXAMPLES))  # as for a program that is run
            try:
                spec.loader.exec_module(sys.modules[known])
            finally:
                sys.path.remove(str(EXAMPLES))
        return sys.modules[known]

    return load


@pytest.fixture
def output(program: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a program with arguments and gives what it prints."""

    def run(name: str, *arguments: object) -> str:
        program(name).main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    return run
