"""The engine in a thread of its own, for callers in other threads and for servers."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

from ..core.errors import ArgumentError, BusyError, EngineError
from ..core.queue_iterators import AsyncQueueIterator
from ..generation.config import GenerationConfig
from ..generation.model import GeneratingModel
from .config import ContinuousBatchingConfig
from .engine import Engine
from .requests import GenerationOutput, RequestState

Listener = Callable[[RequestState], None]


@dataclass(frozen=True)
class Health:
    """How a manager is. error: what the last pass, or the thread, failed with; None after a pass that went well."""

    alive: bool
    running: int
    waiting: int
    blocks_free: int
    blocks: int
    error: str | None


class RequestStream:
    """The new tokens of one request, as they come: `async for token in stream`.

    A reader who leaves early should `cancel`, leave the block of `async with stream`, or drop the stream; the request then
    ends before the next pass.

    Attributes:
        request_id: its name. output: what it got so far, at the end with the reason.
    """

    def __init__(self, manager: "ContinuousBatchingManager", state: RequestState, tokens: AsyncQueueIterator[int]) -> None:
        self._manager, self._state, self._tokens = manager, state, tokens
        self._over = False
        self.request_id = state.request_id

    @property
    def output(self) -> GenerationOutput:
        """What the request got so far."""
        return self._state.output()

    def cancel(self) -> None:
        """End the request, if it goes on."""
        if not self._state.finish_reason:
            self._manager.cancel_request(self.request_id)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        if self._over:
            raise StopAsyncIteration
        try:
            return await anext(self._tokens)
        except StopAsyncIteration:
            self._over = True
            if self._state.error is not None:
                raise EngineError(f"{self.request_id} failed: {self._state.error}") from self._state.error
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.cancel()

    def __del__(self) -> None:
        self.cancel()


class ContinuousBatchingManager:
    """Takes requests from any thread and works on all of them together, in a thread of its own.

    Every request ends: with a result, as cancelled, or with an error. What the model raises ends the requests of that pass,
    and the others go on.

    Args:
        generation_config: settings of requests that bring none of their own.

    >>> with model.init_continuous_batching() as manager:  # doctest: +SKIP
    ...     name = manager.add_request([5, 17, 30], max_new_tokens=10)
    ...     manager.get_result(name).generated_tokens
    """

    def __init__(
        self,
        model: GeneratingModel,
        generation_config: GenerationConfig | None = None,
        continuous_batching_config: ContinuousBatchingConfig | dict[str, Any] | None = None,
    ) -> None:
        self._engine = Engine(model, generation_config, continuous_batching_config)
        self.config = self._engine.config
        self._engine.allocate()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._accepting, self._hard = False, False
        self._arriving: deque[RequestState] = deque()
        self._leaving: deque[str] = deque()
        self._live: dict[str, RequestState] = {}
        self._results: dict[str, deque[GenerationOutput]] = {}
        self._error: BaseException | None = None
        self._numbers = count()
        self._process: int | None = None

    # the thread ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start working. A manager that was stopped can be started again."""
        self._stay()
        with self._changed:
            if self._thread is not None and self._thread.is_alive():
                raise EngineError("the manager is running already")
            self._accepting, self._hard, self._error = True, False, None
            self._process = os.getpid()
            self._thread = threading.Thread(target=self._work, name="continuous-batching", daemon=True)
            self._thread.start()

    def is_running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def health(self) -> Health:
        """How the manager is now."""
        self._stay()
        scheduler, pool = self._engine.scheduler, self._engine.pool
        with self._changed:
            waiting = len(self._arriving) + len(scheduler.waiting)
            error = None if self._error is None else f"{type(self._error).__name__}: {self._error}"
            return Health(self.is_running(), len(scheduler.running), waiting, pool.available, pool.size, error)

    def stop(self, block: bool = True, timeout: float | None = None, hard_stop: bool = False) -> None:
        """Take no more requests, finish those that are there, and end the thread.

        Args:
            block: wait for it, at most `timeout` seconds. hard_stop: those that are there end at once, with an error.
        """
        self._stay()
        with self._changed:
            self._accepting, self._hard = False, self._hard or hard_stop
            self._changed.notify_all()
        if block and self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        if not self.is_running():
            self.start()
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        self.stop(hard_stop=kind is not None)

    def _work(self) -> None:
        try:
            while self._take_in():
                try:
                    self._engine.step()
                    self._error = None
                except Exception as error:  # noqa: BLE001 (its requests have failed with it; the next may do better)
                    self._error = error
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._end_all(EngineError("the manager was stopped" if self._error is None else f"the worker died: {self._error}"))

    def _take_in(self) -> bool:
        """Wait until there is something to do, and let come and go who wants to; False when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._arriving or self._leaving or self._engine.requests or not self._accepting)
            if self._hard or not (self._accepting or self._arriving or self._engine.requests):
                return False
            arriving, leaving = list(self._arriving), list(self._leaving)
            self._arriving.clear()
            self._leaving.clear()
            for request in arriving:
                self._engine.add(request)
        for name in leaving:
            gone = self._live.get(name)
            if gone is not None:
                self._engine.cancel(gone)
        return True

    def _end_all(self, error: EngineError) -> None:
        with self._changed:
            self._accepting = False
            left = [*self._engine.requests, *self._arriving]
            self._arriving.clear()
        for request in left:
            self._engine.cancel(request, "error", error)

    # requests --------------------------------------------------------------------------------------------------------

    def add_request(
        self,
        input_ids: Sequence[int],
        request_id: str | None = None,
        max_new_tokens: int | None = None,
        streaming: bool = False,
        record_timestamps: bool = False,
        eos_token_id: int | list[int] | None = None,
        **settings: Any,
    ) -> str:
        """Let a prompt wait for its turn; returns its name, for `get_result`.

        Args:
            streaming: there is a result for every new token, each with all tokens so far; else only one at the end.
            settings: of this request alone: fields of `GenerationConfig`, `seed`, `tokenizer` (for `stop_strings` and
                `constraint`), `constraint`, `logits_processor`, `stopping_criteria`.

        Raises:
            BusyError: too many requests wait. EngineError: the manager is not running.
            ArgumentError: there is a request of this name. And what is wrong with the request itself.
        """
        settings |= {"max_new_tokens": max_new_tokens, "record_timestamps": record_timestamps}
        settings |= {} if eos_token_id is None else {"eos_token_id": eos_token_id}
        request = self._make(input_ids, request_id, self._keeper(streaming), settings)
        self._submit([request])
        return request.request_id

    def add_requests(
        self,
        inputs: Sequence[Sequence[int]],
        streaming: bool = False,
        eos_token_id: int | list[int] | None = None,
        **options: Any,
    ) -> list[str]:
        """`add_request` for each of `inputs`, with the same `options`; returns the names. All are taken, or none."""
        options |= {} if eos_token_id is None else {"eos_token_id": eos_token_id}
        requests = [self._make(input_ids, None, self._keeper(streaming), dict(options)) for input_ids in inputs]
        self._submit(requests)
        return [request.request_id for request in requests]

    def stream(self, input_ids: Sequence[int], request_id: str | None = None, **settings: Any) -> RequestStream:
        """As `add_request`, for a reader in a running event loop, who gets the tokens one by one."""
        tokens = AsyncQueueIterator[int]()
        tokens.open(timeout=None)
        sent = 0

        def listener(state: RequestState) -> None:
            nonlocal sent
            for token in state.new_tokens[sent:]:
                tokens.send(token)
            sent = len(state.new_tokens)
            if state.finish_reason:
                tokens.send(None)
            elif tokens.cancelled:  # the loop is closed: nobody reads any more
                self.cancel_request(state.request_id)

        request = self._make(input_ids, request_id, listener, settings)
        self._submit([request])
        return RequestStream(self, request, tokens)

    def _keeper(self, streaming: bool) -> Listener:
        """Keeps the result of a request for `get_result`, and with `streaming` also what it has after each token."""

        def listener(state: RequestState) -> None:
            if streaming or state.finish_reason:
                with self._changed:
                    self._results.setdefault(state.request_id, deque()).append(state.output())
                    self._changed.notify_all()

        return listener

    def _make(
        self, input_ids: Sequence[int], request_id: str | None, listener: Listener, settings: dict[str, Any]
    ) -> RequestState:
        if not isinstance(request_id, str | None):
            raise ArgumentError(f"request_id is {request_id!r:.60}; expected a text")
        names = (f"req_{number}" for number in self._numbers)
        name = request_id or next(name for name in names if name not in self._live and name not in self._results)

        def ending(state: RequestState) -> None:
            if not state.finish_reason:
                return listener(state)
            with self._changed:  # at no moment is it neither live nor a result
                self._live.pop(state.request_id, None)
                listener(state)

        request = self._engine.request(name, input_ids, listener=ending, **settings)
        self._engine.check_room(request)
        return request

    def _submit(self, requests: list[RequestState]) -> None:
        """Let all of `requests` wait, or none."""
        self._stay()
        with self._changed:
            if not self._accepting or not self.is_running():
                raise EngineError("the manager is not running: call start()") from self._error
            waiting, most = len(self._arriving) + len(self._engine.scheduler.waiting), self.config.max_queue_size
            if most and waiting + len(requests) > most:
                raise BusyError(
                    f"{waiting} requests are waiting, and no more than {most} may (max_queue_size): there is no room for "
                    f"{len(requests)} more; try again later"
                )
            for request in requests:
                if request.request_id in self._live or request.request_id in self._results:
                    raise ArgumentError(f"there is a request {request.request_id!r} already, and its result has not been taken")
            self._live |= {request.request_id: request for request in requests}
            self._arriving += requests
            self._changed.notify_all()

    def _stay(self) -> None:
        """Refuse to go on in a process that was forked off: no thread works there, and locks may be held for ever."""
        if self._process not in (None, os.getpid()):
            raise EngineError("the manager was started before this process was forked off: make another one here")

    def cancel_request(self, request_id: str) -> None:
        """End a request before the next pass; its result is what it got so far. One that has ended stays as it is."""
        if self._process not in (None, os.getpid()):
            return  # a copy of it, in a process that was forked off, is given up
        with self._changed:
            if request_id in self._live:
                self._leaving.append(request_id)
                self._changed.notify_all()

    def get_result(self, request_id: str | None = None, timeout: float | None = None) -> GenerationOutput | None:
        """Wait for the next result, of `request_id` or of anybody; None when there is none in `timeout` seconds.

        Raises:
            ArgumentError: there is no such request, or its result was taken.
        """
        self._stay()
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while True:
                name = request_id if request_id is not None else next(iter(self._results), None)
                if name in self._results:
                    output = self._results[name].popleft()
                    if not self._results[name]:
                        del self._results[name]
                    return output
                if request_id is not None and request_id not in self._live:
                    raise ArgumentError(f"there is no request {request_id!r}, or its result has been taken")
                left = None if until is None else until - time.monotonic()
                if (left is not None and left <= 0) or (request_id is None and not self._live):
                    return None
                self._changed.wait(left)

    def request_id_iter(self, request_id: str) -> Iterator[GenerationOutput]:
        """The results of a request as they come, the last one included."""
        over = False
        while not over:
            result = self.get_result(request_id)
            assert result is not None  # without a timeout there is one, or an error
            over = result.is_finished()
            yield result
