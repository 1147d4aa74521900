"""What a call of a model hands on to attention that users registered, besides queries, keys, values and a mask."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

Keywords = dict[str, Any] | None


class _Running(threading.local):
    """The call that runs in this thread; torch's compiler knows no context variables."""

    keywords: Keywords = None


_RUNNING = _Running()


def attention_keywords() -> Keywords:
    """The keywords of the call that runs, `position_ids` and `use_cache` among them; None outside of such calls."""
    return _RUNNING.keywords


@contextmanager
def with_attention_keywords(keywords: Keywords) -> Iterator[None]:
    """Hand these on while the body runs."""
    before, _RUNNING.keywords = _RUNNING.keywords, keywords
    try:
        yield
    finally:
        _RUNNING.keywords = before


def tell_positions(position_ids: Tensor) -> Tensor:
    """Hand on these positions (B or 1, T) of the tokens of the call that runs; returns them."""
    keywords = attention_keywords()
    if keywords is not None:
        keywords["position_ids"] = position_ids
    return position_ids
