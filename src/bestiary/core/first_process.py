"""Whether models that this process opens wait for their weights, which the first process reads and sends in parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet


class Wish:
    """While one is kept, processes other than the first open models without weights."""

    def __init__(self) -> None:
        _WISHES.add(self)


_WISHES: WeakSet[Wish] = WeakSet()
_read_anyway = False


def waits_for_weights() -> bool:
    """Whether this is not the first process of a training whose first process alone reads weights."""
    if not _WISHES or _read_anyway:
        return False
    from torch import distributed as dist

    return dist.is_available() and dist.is_initialized() and dist.get_rank() > 0


@contextmanager
def every_process_reads() -> Iterator[None]:
    """A context in which no model waits."""
    global _read_anyway
    before, _read_anyway = _read_anyway, True
    try:
        yield
    finally:
        _read_anyway = before
