"""When one of several processes fails, the others hear of it and end too, instead of waiting for it."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from torch import distributed as dist

_KEY = "bestiary/failed"
# The watch of this process, while it looks.
_running: "list[Watch]" = []


class Watch:
    """Looks every `period` seconds whether another process of the run has failed, and ends this one if so.

    An exception that would end this process is told to the others by the store in which they found each other. Theirs then
    say that first error, and no more of their own, which follow from it.
    """

    def __init__(self, store: Any, index: int, period: float = 0.5) -> None:
        self.store, self.index, self.period = store, index, period
        self._is_over = threading.Event()
        self._former = sys.excepthook
        self._thread = threading.Thread(target=self._look, name="bestiary-watch", daemon=True)

    @classmethod
    def begin(cls, index: int) -> "Watch | None":
        """Watch from now on; None where the processes have no store that a thread of its own may ask."""
        store = _client()
        if store is None:
            return None
        watch = cls(store, index)
        _running.append(watch)
        sys.excepthook = watch._tell
        watch._thread.start()
        return watch

    def end(self) -> None:
        """Look no more: this process has done its work.

        A thread that comes back from the store once the interpreter is gone would abort the process, so it is waited for.
        """
        self._is_over.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=10 * self.period)
        _running[:] = [each for each in _running if each is not self]
        if sys.excepthook == self._tell:
            sys.excepthook = self._former

    def _look(self) -> None:
        while not self._is_over.wait(self.period):
            try:
                first = self._first_failure()
            except RuntimeError:  # the process that keeps the store has ended: no more can be heard
                return
            if first is not None and not self._is_over.is_set():
                sys.stderr.write(self._words(first))
                sys.stderr.flush()
                os._exit(1)

    def _first_failure(self) -> str | None:
        """What another process has told, if one has."""
        if not self.store.check([_KEY]):
            return None
        told: str = self.store.get(_KEY).decode()
        return None if told.startswith(f"{self.index}:") else told

    def _words(self, told: str) -> str:
        index, _, error = told.partition(":")
        return f"process {self.index} ends, because process {index} failed: {error}\n"

    def _tell(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Tell the others of an exception that ends this process; in place of one that follows from another's, say that."""
        if self.tell(error):
            self._former(kind, error, trace)
            sys.stderr.flush()
            self.wait()

    def tell(self, error: BaseException) -> bool:
        """Tell the others of an error that ends this process, and return True; say the one that it follows from, else."""
        first = None
        with suppress(RuntimeError):
            if isinstance(error, RuntimeError):  # perhaps of a collective whose other end is gone: its own word comes first
                time.sleep(self.period)
            first = self._first_failure()
            if first is None:
                told = f"{self.index}:{type(error).__name__}: {error}"[:2000]
                self.store.compare_set(_KEY, "", told)
                first = self._first_failure()
        self.end()
        if first is not None:
            sys.stderr.write(self._words(first))
        return first is None

    def wait(self) -> None:
        """Return when the others had time to hear of it: they ask the store, which this process may keep."""
        time.sleep(3 * self.period)


@contextmanager
def heard_by_others() -> Iterator[None]:
    """Within it an error that this process shows and ends by, so that it reaches no `excepthook`, ends the others too.

    Raises:
        SystemExit: in place of an error that follows from another process's, which was said.
    """
    try:
        yield
    except Exception as error:
        for watch in list(_running):
            if not watch.tell(error):
                raise SystemExit(1) from None
            atexit.register(watch.wait)
        raise


def _client() -> Any:
    """A connection of its own to the store of the processes: one that waits for another would make all others wait."""
    kinds: Any = dist
    store: Any = dist.distributed_c10d._get_default_store()
    while isinstance(store, kinds.PrefixStore):
        store = store.underlying_store
    if not isinstance(store, kinds.TCPStore):
        return None
    return kinds.TCPStore(store.host, store.port, is_master=False, wait_for_workers=False)
