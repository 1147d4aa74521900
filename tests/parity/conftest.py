"""The models of a test, torch's compiler in the state in which a family should find it, and what keeps tests cheap."""

import gc
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import torch
import transformers
from kit.families import Pair, cases, pair
from torch.nn.attention import flex_attention

CPU_SECONDS: Counter[str] = Counter()
"""Family, or file of tests without one -> what its tests took in this process."""


def family(item: pytest.Item | None) -> str:
    """What stands first in the brackets of a test's id; of a test without a family, its file."""
    if item is None:
        return ""
    in_brackets = re.search(r"\[(\w+)", item.nodeid) if item.path.stem != "test_shared_heads" else None
    return in_brackets[1] if in_brackets else item.path.stem


def collect_once() -> None:
    """Collect, and never look again at what is left: what the libraries keep for good grows with every family."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The collector waits for the end of a family: torch's tracing makes so many objects that it would run all the time."""
    start = time.process_time()
    gc.disable()
    try:
        return (yield)
    finally:
        if family(nextitem) != family(item):
            pair.cache_clear()
            collect_once()
            gc.enable()
        CPU_SECONDS[family(item)] += time.process_time() - start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With `-n0 --durations=N`, also the seconds of CPU of each family."""
    if config.option.durations is not None and CPU_SECONDS:
        terminalreporter.section("CPU seconds of each family")
        for name, seconds in CPU_SECONDS.most_common():
            terminalreporter.write_line(f"{seconds:6.1f} {name}")
        shares = [seconds for name, seconds in CPU_SECONDS.items() if name in cases()]
        terminalreporter.write_line(f"{sum(shares) / len(shares):6.1f} on average of {len(shares)} families")


@pytest.fixture
def models(request: pytest.FixtureRequest) -> Pair:
    """The pair of a row; tests get their rows from `kit.families.each`."""
    return pair(*request.param)


@pytest.fixture(autouse=True, scope="session")
def permanent_objects() -> None:
    """What both libraries have from the start is there before the first test."""
    transformers.PreTrainedModel  # noqa: B018 (imports it)
    collect_once()
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.propagate = True  # or pytest gives it a handler, and takes it away, three times a test


@pytest.fixture(autouse=True)
def uncompiled_flex_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flex attention computes the same without tracing itself for each shape, in a tenth of the time.

    `tests/nn/test_attention.py` runs it as it is.
    """
    monkeypatch.setattr(flex_attention, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)


@pytest.fixture
def forgetful_compiler() -> Iterator[None]:
    """torch's compiler knows nothing of other families: its cache for the code that all models share is small."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def uncached_fakes() -> Iterator[None]:
    """With sizes that vary, torch looks up what an operation gave before for longer than it takes to work it out again."""
    with torch._dynamo.config.patch(fake_tensor_cache_enabled=False):
        yield


@pytest.fixture
def nodes_without_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks which line of code a node of an exported graph came from; to find it out is a sixth of an export's time."""
    monkeypatch.setattr(torch.fx.config, "do_not_emit_stack_traces", True)
