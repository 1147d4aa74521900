"""Settings of the whole suite: no network, one thread for each process, `tests/kit` importable, warnings given in each test."""

import os
import sys
from pathlib import Path

import pytest

from bestiary.core.logging import forget_warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: a second thread costs more than it gives
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def every_warning_once_more() -> None:
    """A warning is given once per process: without this, whether a test meets one would depend on the tests before it."""
    forget_warnings()
