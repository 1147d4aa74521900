"""Iterators over what comes bit by bit from another thread: the pieces of a text, the tokens of a request."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from queue import Queue
from typing import Any, Generic, TypeVar

P = TypeVar("P")


class Cancellable:
    """What a generation feeds and its reader may stop: set `cancelled`, or call `cancel`; rows then finish as "cancelled"."""

    cancelled = False

    def cancel(self) -> None:
        """Stop the generation after the next token."""
        self.cancelled = True

    def end(self) -> None:
        """There is no more; another generation may follow."""
        self.cancelled = False

    def error(self, error: BaseException) -> None:
        """The generation failed with `error`, and raises it too. What came so far is brought to an end."""
        self.end()


class QueueIterator(Cancellable, Generic[P]):
    """An iterator over what `send` was given: pieces of type P, at last None, or the error that the reader gets instead."""

    timeout: float | None
    text_queue: Any

    def open(self, timeout: float | None) -> None:
        """Make the queue; its reader waits `timeout` seconds for each piece, for ever with None."""
        self.timeout, self.text_queue = timeout, Queue()

    def send(self, item: P | BaseException | None) -> None:
        """Hand `item` to the reader."""
        self.text_queue.put(item)

    def end(self) -> None:
        """Bring out what was held back, and tell the reader that there is no more."""
        super().end()
        self.send(None)

    def error(self, error: BaseException) -> None:
        """Bring out what was held back, and hand the error to the reader."""
        super().end()
        self.send(error)

    def __iter__(self) -> Iterator[P]:
        return self

    def __next__(self) -> P:
        return self._piece(self.text_queue.get(timeout=self.timeout), StopIteration)

    @staticmethod
    def _piece(item: Any, end: type[Exception]) -> P:
        if item is None:
            raise end
        if isinstance(item, BaseException):
            raise item
        piece: P = item
        return piece


class AsyncQueueIterator(QueueIterator[P]):
    """The same in an event loop, in which it is made; fed from any thread."""

    def open(self, timeout: float | None) -> None:
        self.timeout, self.text_queue = timeout, asyncio.Queue()
        self.loop = asyncio.get_running_loop()

    def send(self, item: P | BaseException | None) -> None:
        try:
            self.loop.call_soon_threadsafe(self.text_queue.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self.cancel()

    def __aiter__(self) -> AsyncIterator[P]:
        return self

    async def __anext__(self) -> P:
        return self._piece(await asyncio.wait_for(self.text_queue.get(), self.timeout), StopAsyncIteration)
