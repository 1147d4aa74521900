"""The models of a test, and torch's compiler in the state in which a family should find it."""

from collections.abc import Iterator

import pytest
import torch
from kit.families import Pair, pair
from torch.nn.attention import flex_attention


@pytest.fixture
def models(request: pytest.FixtureRequest) -> Pair:
    """The pair of a row; tests get their rows from `kit.families.each`."""
    return pair(*request.param)


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
