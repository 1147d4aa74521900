"""SIGTERM, with which systems ask a process to end: heard by a training, which ends when it has saved itself."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupted(BaseException):
    """The process was asked to end; raised where work can be broken off."""


class TrialPruned(BaseException):
    """The search that a training is a trial of ended it, for it did not promise much."""


class Listener:
    """Within its context, SIGTERM sets `heard` and does nothing else. Outside of the main thread nothing is changed."""

    def __init__(self) -> None:
        self.heard = False
        self._former: Callable[..., Any] | int | None = None
        self.listening = False

    def __enter__(self) -> "Listener":
        self.heard = False
        self.listening = threading.current_thread() is threading.main_thread()
        if self.listening:
            self._former = signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.listening:
            signal.signal(signal.SIGTERM, self._former)
        self.listening = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.heard = True

    def stop_here(self) -> None:
        """Break off, if the process was asked to end.

        Raises:
            Interrupted: it was.
        """
        if self.heard:
            raise Interrupted
