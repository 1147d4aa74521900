"""The published logging helpers do to this library's messages what the published ones do to theirs."""

import logging
from collections.abc import Iterator
from types import ModuleType

import pytest
import transformers.utils.logging as theirs
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from bestiary.compat import logging as ours

MODULES = pytest.mark.parametrize("module", [ours, theirs], ids=["ours", "theirs"])


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    roots = [logging.getLogger("bestiary"), logging.getLogger("transformers")]
    before = [(root, root.propagate, list(root.handlers), [handler.formatter for handler in root.handlers]) for root in roots]
    bars = are_progress_bars_disabled()
    yield
    for root, propagate, handlers, formatters in before:
        root.propagate, root.handlers = propagate, handlers
        for handler, formatter in zip(handlers, formatters, strict=True):
            handler.setFormatter(formatter)
    (disable_progress_bars if bars else enable_progress_bars)()


def root_of(module: ModuleType) -> logging.Logger:
    return logging.getLogger("bestiary" if module is ours else "transformers")


@MODULES
def test_messages_reach_the_root_logger_or_not(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.Handler()])
    monkeypatch.setattr(logging.getLogger().handlers[0], "handle", lambda record: heard.append(record.getMessage()))
    for switch, wanted in ((module.disable_propagation, []), (module.enable_propagation, ["something"])):
        switch()
        module.get_logger(f"{root_of(module).name}.models").error("something")
        assert heard == wanted


@MODULES
def test_the_default_handler(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    root = root_of(module)
    module.disable_propagation()
    module.enable_default_handler()
    with_it = len(root.handlers)
    module.disable_default_handler()
    assert len(root.handlers) == with_it - 1
    module.enable_default_handler()
    module.enable_default_handler()
    assert len(root.handlers) == with_it


@MODULES
def test_formats(module: ModuleType) -> None:
    module.enable_default_handler()
    module.enable_explicit_format()
    record = logging.LogRecord("x", logging.ERROR, "folder/file.py", 7, "what", None, None)
    for handler in root_of(module).handlers:
        assert handler.format(record).startswith("[ERROR|file.py:7]")
        assert handler.format(record).endswith(">> what")
    module.reset_format()
    assert [handler.format(record) for handler in root_of(module).handlers] == ["what"] * len(root_of(module).handlers)


@MODULES
def test_bars_of_downloads(module: ModuleType) -> None:
    module.disable_progress_bar()
    assert are_progress_bars_disabled()
    module.enable_progress_bar()
    assert not are_progress_bars_disabled()
