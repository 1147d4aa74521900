"""Settings of the whole suite: no network, one thread for each process, `tests/kit` importable, warnings given in each test.

Tests of one file run in one process, and so do all tests in `tests/parity` of one family, one model after the other.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from bestiary.core.logging import forget_warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: a second thread costs more than it gives
os.environ.setdefault("BESTIARY_MEASURE_KERNELS", "off")  # which kernel computes does not depend on how busy the machine is
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(Path(__file__).parent))

_FAMILY = re.compile(r"tests/parity/[^\[]+\[(\w+)")
"""What the id of a parity test begins its parameters with."""


class FileOrFamilyScheduling(LoadFileScheduling):
    """A process gets the tests of a file, or of a family."""

    def _split_scope(self, nodeid: str) -> str:
        family = _FAMILY.match(nodeid)
        return family[1] if family else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileOrFamilyScheduling:
    return FileOrFamilyScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the parity tests of a family, and of a model, behind each other, so that each model is made once."""

    def place(item: pytest.Item) -> tuple[str, ...]:
        family = _FAMILY.match(item.nodeid)
        if family is None:
            return ()
        row = item.callspec.params.get("models", ())  # type: ignore[attr-defined]
        return (family[1], *row)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def every_warning_once_more() -> None:
    """A warning is given once per process: without this, whether a test meets one would depend on the tests before it."""
    forget_warnings()
